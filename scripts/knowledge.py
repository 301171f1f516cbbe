"""Measure triples from raw texts, entity linking, and features from a knowledge graph: figure, interval, cost.

    python scripts/knowledge.py --data FOLDER [--only triples] [--rows 2000]

FOLDER holds the data sets, each in a folder of its own: semeval2010_task8, finre_zh, symptom_ontology, sp500_companies,
disease_symptom_do, twitter_financial_news. With fewer --rows it takes minutes. Each part prints a table in Markdown.
"""

import argparse
import csv
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import metier
from metier import catalogue
from metier.data.importers import import_rows
from metier.data.knowledge import Concept, KnowledgeGraph, read_knowledge
from metier.data.knowledge.graph import Alias, Statement
from metier.data.writing import open_writer
from metier.evaluation.intervals import Interval
from metier.evaluation.row_measures import comparison_of, interval_of
from metier.features.concept_linking import ConceptLinker, LinkSettings, Mention
from metier.features.held_out_names import hide_names
from metier.tasks.triples import Triples

METRICS = ("triple_f1", "triple_relaxed_f1", "triple_entity_f1")
VALIDATION_FRACTION = 0.15
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "frequent_triples.v1": ("frequent_triples.v1", {}),
    "triples_pipeline.v1": ("triples_pipeline.v1", {}),
}


def shown(found: Interval) -> str:
    """Give a figure and its interval in percent."""
    return f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def gathered(folder: Path, name: str, work: Path, rows: int) -> Any:
    """Give the rows of a file of relations, gathered by text."""
    path = work / f"{folder.name}-{name}.jsonl"
    with open_writer(path, overwrite=True) as writer:
        for table in import_rows(folder / f"{name}.jsonl", format="relations").tables:
            writer.write(table)
    found = metier.read(path)
    return found.take(range(min(rows, len(found))))


def triples(data: Path, work: Path, rows: int) -> None:
    """Compare a pipeline with the baseline on texts whose relations were gathered."""
    print(
        "| set | texts to learn from, to answer | method | strict F1 % | relaxed F1 % | entity F1 % | seconds |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in ("semeval2010_task8", "finre_zh"):
        train, test = (gathered(data / name, part, work, rows) for part in ("train", "test"))
        task = Triples.from_rows(train)
        held = int(len(train) * VALIDATION_FRACTION)
        kept, validation = train.take(range(held, len(train))), train.take(range(held))
        for arm, (method, settings) in ARMS.items():
            start = time.process_time()
            fitted = catalogue.resolve(method)(**settings)
            fitted.fit(
                task.items(kept),
                task.targets(kept),
                validation=(task.items(validation), task.targets(validation)),
            )
            seconds = time.process_time() - start
            predicted = fitted.predict(task.items(test))
            figures = [shown(interval_of(metric, task.targets(test), predicted)) for metric in METRICS]
            counts = f"{len(train):,}, {len(test):,}"
            print(f"| {name} | {counts} | {arm} | {' | '.join(figures)} | {seconds:.0f} |", flush=True)


def shares(correct: Sequence[bool]) -> str:
    """Give a share with its bootstrap interval."""
    return shown(
        interval_of("accuracy", np.ones(len(correct), dtype=np.int64), np.array(correct, dtype=np.int64))
    )


def linked(
    name: str, what: str, linker: ConceptLinker, mentions: Sequence[Mention], truth: Sequence[Any]
) -> None:
    """Print the figures of a linker on mentions."""
    start = time.process_time()
    found = [linker.link(one) for one in mentions]
    seconds = time.process_time() - start
    correct = [one.concept == true for one, true in zip(found, truth, strict=True)]
    there = [place for place, true in enumerate(truth) if true is not None]
    recalled = [truth[place] in [one.concept for one in found[place].candidates] for place in there]
    known = [correct[place] for place in there]
    settings = linker.settings
    print(
        f"| {name} | {what} | {len(linker.ids):,} | {len(mentions):,} ({len(mentions) - len(there):,}) | "
        f"{shares(correct)} | {shares(known)} | {shares(recalled)} | "
        f"{settings.context_weight:g}, {settings.threshold:.3f} | "
        f"{1000 * seconds / len(mentions):.1f} |",
        flush=True,
    )


def linking(data: Path, work: Path, rows: int) -> None:
    """Link hidden names, and names of companies in headlines; half of the mentions choose the settings."""
    print(
        "| graph | mentions | concepts | mentions (none of them) | accuracy % | of those in the graph % | "
        "recall of candidates % | weight of the context, threshold | ms a mention |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in ("symptom_ontology", "disease_symptom_do"):
        graph = read_knowledge(data / name, repair=True)
        hidden = hide_names(graph, most=rows)
        half = len(hidden.mentions) // 2
        order = np.random.default_rng(1).permutation(len(hidden.mentions))
        parts = [
            ([hidden.mentions[one] for one in some], [hidden.truth[one] for one in some])
            for some in (order[:half], order[half:])
        ]
        linker = hidden.linker.fitted(*parts[0])
        linked(name, "a hidden name of each", linker, *parts[1])
    graph = read_knowledge(data / "sp500_companies" / "entities.csv")
    mentions, truth = company_mentions(data / "twitter_financial_news", graph)
    linker = ConceptLinker.of(graph)
    half = len(mentions) // 2
    for what, weighed in (("short names in headlines, name alone", False), ("the same, context weighed", True)):
        linker.settings = LinkSettings(context_weight=0.0, threshold=0.0)
        if weighed:
            linker.fitted(mentions[:half], truth[:half])
        linked("sp500_companies", what, linker, mentions[half:], truth[half:])


def company_mentions(folder: Path, graph: KnowledgeGraph) -> tuple[list[Mention], list[str]]:
    """Give names of companies in headlines that state one ticker; it says which company is meant, and is taken out.

    A mention is the longest beginning of the company's name that stands in the headline.
    """
    mentions, truth = [], []
    for part in ("train", "test"):
        for text in metier.read(folder / f"{part}.csv").texts:
            tickers = re.findall(r"\$([A-Z.]+)\b", text)
            if len(set(tickers)) != 1 or tickers[0] not in graph.concepts:
                continue
            plain = re.sub(r"\$[A-Z.]+\s*[-:]?\s*", "", text)
            words = graph.concepts[tickers[0]].name.split()
            for size in range(len(words), 0, -1):
                phrase = " ".join(words[:size])
                at = plain.find(phrase)
                if at >= 0 and len(phrase) > 2:
                    mentions.append(Mention(plain, at, at + len(phrase)))
                    truth.append(tickers[0])
                    break
    return mentions, truth


def features(data: Path, work: Path, rows: int) -> None:
    """Compare TF-IDF with and without the companies of a headline and their sectors."""
    graph = with_sectors(data / "sp500_companies" / "entities.csv")
    folder = data / "twitter_financial_news"
    train, test = metier.read(folder / "train.csv"), metier.read(folder / "test.csv")
    print(
        "| rows to learn from | method | rows with a concept | accuracy % | macro-F1 % | difference of accuracy, p | "
        "seconds |"
    )
    print("|---|---|---|---|---|---|---|")
    for some in (500, min(rows, len(train))):
        picked = train.take(np.random.default_rng(0).permutation(len(train))[:some])
        answers = {}
        for name, settings in (("tfidf_linear.v1", {}), ("tfidf_knowledge.v1", {"knowledge": graph})):
            start = time.process_time()
            fitted = catalogue.resolve(name)(**settings).fit(list(picked.texts), picked.labels)
            seconds = time.process_time() - start
            answers[name] = list(map(str, fitted.predict(list(test.texts))))
            own = fitted.facts_.get("rows_with_concepts") if "knowledge" in settings else None
            first = answers["tfidf_linear.v1"]
            tested = comparison_of("accuracy", test.labels, answers[name], first) if settings else None
            print(
                f"| {some:,} | {name} | {'' if own is None else f'{100 * own:.0f} %'} | "
                f"{shown(interval_of('accuracy', test.labels, answers[name]))} | "
                f"{shown(interval_of('macro_f1', test.labels, answers[name]))} | "
                f"{'' if tested is None else f'{100 * tested.difference:+.1f}, {tested.p_value:.2g}'} | {seconds:.0f} |",
                flush=True,
            )


def with_sectors(path: Path) -> KnowledgeGraph:
    """Give the companies of a table with the sector of each above it."""
    concepts: dict[str, Concept] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            place = f"{path}, line {line}"
            sector, short = f"sector:{row['sector']}", row["name"].split()[0]
            concepts.setdefault(sector, Concept(sector, sector, place))
            own = Concept(row["symbol"], row["name"], place, statements=[Statement("is_a", sector, place)])
            own.aliases = [Alias(f"${row['symbol']}"), *([Alias(short)] if len(short) > 4 else [])]
            concepts[row["symbol"]] = own
    return KnowledgeGraph(concepts.values(), origin=str(path))


PARTS: dict[str, Callable[[Path, Path, int], None]] = {
    "triples": triples,
    "linking": linking,
    "features": features,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--work", type=Path, default=Path("knowledge-work"), help="Folder for files in between."
    )
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--rows", type=int, default=2_000, help="Most texts to learn from, and most to answer.")
    given = parser.parse_args(arguments)
    given.work.mkdir(parents=True, exist_ok=True)
    for name, part in PARTS.items():
        if given.only in (None, name):
            print(f"\n## {name}\n")
            part(given.data, given.work, given.rows)


if __name__ == "__main__":
    main()
