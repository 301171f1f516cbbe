"""Results of every task on real rows, written to docs/results.md.

    python scripts/results.py [--data FOLDER] [--only NAME,…] [--budget 6m]

Each set is trained with `metier train` on its own split with one budget; the table has the scores of the report. The
examples of this project are samples. `--data` names a folder with the whole sets, one folder each
(`ncbi_disease/train.conll`, …), from the sources in the READMEs of the examples; a missing set is taken from the
examples, and the table has its number of rows. Existing runs are not repeated, so an interrupted table resumes.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from metier.cli.console import ProgressLines
from metier.data import Rows, read, read_alike
from metier.evaluation.comparison import A_IS_BETTER, NO_DIFFERENCE
from metier.evaluation.measure_table import metric_name
from metier.report import numbers
from metier.selection.api import train

PROJECT = Path(__file__).parents[1]
RUNS = PROJECT / "runs" / "results"
PAGE = PROJECT / "docs" / "results.md"


@dataclass(frozen=True)
class Set:
    """One data set, with published results on its test split.

    Parameters
    ----------
    files : dict of str to str
        Paths below the set's folder by split.
    options : dict
        Further arguments of `metier.train`.
    published : str
        Published results on the same test rows, with the size of the model.
    sample : dict of str to str
        Paths below the folder of the example, where its files have other names.
    most : dict of str to int
        Most rows of a split, drawn with a fixed seed: generation takes a second or more for each validation and
        test row.
    """

    name: str
    files: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    published: str = ""
    sample: dict[str, str] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)


def split(ending: str, *, dev: bool = True) -> dict[str, str]:
    """The usual names of the files of a set."""
    parts = {"train": "train", "test": "test"} | ({"validation": "dev"} if dev else {})
    return {part: f"{name}.{ending}" for part, name in parts.items()}


# The parse takes spaCy and some milliseconds a row, so it is not a default candidate.
RELATIONS = ("relation_linear.v1", "relation_syntax.v1", "relation_encoder.v1", "average.v1", "cascade.v1")
# 95 % intervals of ROUGE-L over 300 rows are about two points wide to either side. To choose takes as many: on 60
# validation rows of translation the worse method looked better and was shipped.
WRITTEN = {"validation": 400, "test": 300}
SETS = (
    Set("ncbi_disease", split("conll"), published="BERT-base (110 M weights) 85–88 entity F1"),
    Set("wnut17", split("conll"), published="DistilBERT (66 M) 35–43 entity F1"),
    Set("uner_zh_gsd", split("conll")),
    Set(
        "semeval2010_task8",
        split("jsonl", dev=False),
        {"candidates": RELATIONS, "settings": {"data": {"keep_rare": True}}},
        published="R-BERT (BERT-base, 110 M) 89.25, re-run 83.1: the official macro-F1",
    ),
    Set("finre_zh", split("jsonl")),
    Set("sgd_acts", split("jsonl")),
    Set("twitter_financial_news", split("csv", dev=False), {"task": "grading"}),
    Set("covid_faq", {"train": "question_pairs.csv"}),
    # Rows of this task are searched: the answers of an FAQ, rows of the same intent, sentences in the other language.
    Set(
        "covid_faq_search",
        {"train": "faq.jsonl"},
        {"task": "retrieval", "text": "question", "text_pair": "answer", "label": "none"},
    ),
    Set("banking77_search", split("csv", dev=False), {"task": "retrieval"}),
    Set("tatoeba_search", split("jsonl"), {"task": "retrieval"}),
    Set("cmrc2018", split("json", dev=False)),
    Set("xquad_en", {"train": "test.en.json"}),
    Set(
        "scitldr",
        split("jsonl"),
        published="CATTS-XSUM (BART-large, 400 M) ROUGE-L 35.9, the best of several references",
        most=WRITTEN,
    ),
    # The published training part is not among the sources: its dev part is trained on.
    Set(
        "csl_title_zh",
        {"train": "dev.jsonl", "test": "test.jsonl"},
        sample={"train": "train.jsonl", "validation": "dev.jsonl", "test": "test.jsonl"},
        most=WRITTEN,
    ),
    Set("tatoeba_en_zh", split("jsonl"), most=WRITTEN),
    Set("chatterbot_en", {"train": "en.jsonl"}),
    Set("chatterbot_zh", {"train": "zh.jsonl"}),
    Set("sgd_replies", split("jsonl")),
    Set("banking77", split("csv", dev=False), published="DistilBERT (66 M) 92.0, BERT-base 92.8 accuracy"),
    Set("csl_category_zh", split("csv"), published=""),
)
FOLDERS = {
    "sgd_acts": "sgd_dialogues/acts",
    "sgd_replies": "sgd_dialogues/messages",
    "chatterbot_en": "chatterbot_corpus",
    "chatterbot_zh": "chatterbot_corpus",
    "xquad_en": "xquad",
    "covid_faq_search": "covid_faq",
    "banking77_search": "banking77",
    "tatoeba_search": "tatoeba_en_zh",
}


def main() -> None:
    """Run what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--budget", default="6m")
    parser.add_argument("--threads", type=int, default=0, help="default: every core")
    parser.add_argument("--no-refit", action="store_true", help="leave out the refit on train + validation")
    arguments = parser.parse_args()
    only = set(filter(None, arguments.only.split(",")))
    for one in SETS:
        if (not only or one.name in only) and not (RUNS / one.name / "report.json").exists():
            run(one, arguments)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(PROJECT)}")


def run(one: Set, arguments: argparse.Namespace) -> None:
    """Train the candidates of one set."""
    files = files_of(one, arguments.data)
    if files is None:
        print(f"{one.name}: its files are neither below --data nor in the examples; left out")
        return
    settings = (
        one.options.get("settings", {})
        | {"refit": not arguments.no_refit}
        | ({"threads": arguments.threads} if arguments.threads else {})
    )
    options = {
        **one.options,
        "settings": settings,
        **{part: str(path) for part, path in files.items() if part != "train"},
    }
    source: Any = str(files["train"])
    if one.most:
        source = read(files["train"])
        options |= {
            part: drawn(read_alike(path, source), one.most.get(part))
            for part, path in files.items()
            if part != "train"
        }
    with ProgressLines() as listener:
        train(
            source,
            budget=arguments.budget,
            run=RUNS / one.name,
            overwrite=True,
            listener=listener,
            **options,
        )


def files_of(one: Set, data: Path | None) -> dict[str, Path] | None:
    """Where the files of a set are: below the folder of whole sets, else in the examples; None if nowhere."""
    examples = PROJECT / "examples" / FOLDERS.get(one.name, one.name)
    for folder in ([data / one.name, data / FOLDERS.get(one.name, one.name)] if data else []) + [examples]:
        names = one.sample if one.sample and folder == examples else one.files
        if (folder / names["train"]).exists():
            return {part: folder / name for part, name in names.items() if (folder / name).exists()}
    return None


def drawn(rows: Rows, most: int | None) -> Rows:
    """At most so many rows, in their order."""
    if most is None or len(rows) <= most:
        return rows
    return rows.take(np.sort(np.random.default_rng(0).permutation(len(rows))[:most]))


def page() -> str:
    """The page: one table per set, the best first."""
    parts = [
        "# Results on every task",
        "This page shows the test scores of every task, of the traditional and the pretrained methods and their "
        "ensembles, on public data sets. Written by `python scripts/results.py` (`make prove`) from real runs of `metier "
        "train`, one budget per set, all choices on validation rows; test scores with 95 % intervals. Differences are "
        "paired tests of the shipped candidate with each other one on the same test rows, with their 95 % intervals and "
        "p-values that are adjusted for the number of candidates. Each section states how many rows were used and how "
        "many minutes the run took, on a machine that was shared with other programs. Sections without the column of "
        "differences are of runs before it was there, and compare by whether intervals overlap.",
    ]
    before = sections_before()
    for one in SETS:
        path = RUNS / one.name / "report.json"
        if path.exists():
            parts.append(section(one, json.loads(path.read_text("utf-8"))))
        elif one.name in before:
            parts.append(before[one.name])
    return "\n\n".join(parts) + "\n"


def sections_before() -> dict[str, str]:
    """The sections of the page as it is, by set: what is not run here stays."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    sections = text.split("\n## ")[1:]
    return {one.partition(":")[0]: f"## {one.strip()}" for one in sections}


def section(one: Set, report: dict[str, Any]) -> str:
    """The table of one set."""
    metric = report["primary_metric"]
    shown = [metric, *[name for name in report["metrics"] if name != metric][:1]]
    rows = ", ".join(f"{count:,} {part}" for part, count in report["data"]["rows"].items())
    machine, settings = report["machine"], report["settings"]
    precision = "bf16" if "avx512_bf16" in machine["instruction_sets"] else "fp32"
    head = (
        f"## {one.name}: {report['task']}\n\n"
        f"{rows} rows, {report['data']['language']}; {report['seconds'] / 60:.1f} of "
        f"{report['budget_seconds'] / 60:g} min, {settings['threads']} of {machine['cores']} cores ({precision})"
        f"{'' if settings['refit'] else ', no refit'}. {verdict(report)}"
        + (f" Published on the whole test set: {one.published}." if one.published else "")
    )
    titles = " | ".join(metric_name(name) for name in shown)
    columns = f"| candidate | {titles} | shipped minus this one | training | one row | size |"
    lines = [columns, "|---" * (len(shown) + 5) + "|"]
    for candidate in report["candidates"]:
        if candidate["status"] != "trained":
            lines.append(f"| `{candidate['name']}` | {candidate['why']} |" + " |" * (len(shown) + 3))
            continue
        figures = " | ".join(figure(candidate["test"][name], report["metrics"][name]) for name in shown)
        mark = " **shipped**" if candidate["name"] == report["recommended"] else ""
        lines.append(
            f"| `{candidate['name']}`{mark} | {figures} | {difference(report, candidate['name'])} | "
            f"{numbers.seconds(candidate['train_seconds'])} | "
            f"{numbers.milliseconds(candidate['latency_ms']['mean'])} | {numbers.size(candidate['size_bytes'])} |"
        )
    return head + "\n\n" + "\n".join(lines)


def verdict(report: dict[str, Any]) -> str:
    """Whether the shipped candidate differs from the best of the other kind, traditional or not, by the paired test."""
    name = opponent(report)
    if name is None:
        return ""
    facts, metric = report["against"][name], metric_name(report["primary_metric"])
    chosen = report["recommended"]
    if facts["verdict"] == NO_DIFFERENCE:
        told = f"No difference in {metric} is shown between `{chosen}` and `{name}`"
    else:
        better, worse = (chosen, name) if facts["verdict"] == A_IS_BETTER else (name, chosen)
        told = f"`{better}` has a better {metric} than `{worse}`"
    return f"{told}: {difference(report, name)}."


def opponent(report: dict[str, Any]) -> str | None:
    """The best candidate of the other kind than the shipped one; the best other one where there is none."""
    trained = [one["name"] for one in report["candidates"] if one["status"] == "trained"]
    chosen = report["recommended"]
    others = [name for name in trained if name != chosen and name in report.get("against", {})]
    unlike = [name for name in others if (name in TRADITIONAL) != (chosen in TRADITIONAL)]
    return next(iter([*unlike, *others]), None)


def difference(report: dict[str, Any], name: str) -> str:
    """The shipped candidate's figure minus another's, with its interval and its p-value."""
    facts = report.get("against", {}).get(name)
    if facts is None:
        return numbers.NOTHING
    scale = numbers.scale_of(report, report["primary_metric"])
    value, low, high = (scale.signed(facts[end]) for end in ("difference", "low", "high"))
    return f"{value} [{low}, {high}], {numbers.p_value(facts['p_value'])}"


TRADITIONAL = frozenset(
    {
        *("majority.v1", "tfidf_linear.v1", "label_frequencies.v1", "many_labels_linear.v1"),
        *("ordinal_logistic.v1", "ridge.v1", "dictionary_tagger.v1", "crf.v1", "relation_linear.v1"),
        *("passage_phrase.v1", "pair_linear.v1", "lead.v1", "textrank.v1", "nearest_reply.v1"),
        *("dictionary_translation.v1", "relation_syntax.v1", "crf_syntax.v1", "bm25.v1"),
    }
)


def figure(interval: dict[str, float], kind: dict[str, Any]) -> str:
    """A score with its interval, as a percentage where it is a fraction."""
    scale, digits = (100, 1) if kind["is_fraction"] else (1, 3)
    value, low, high = (f"{interval[end] * scale:.{digits}f}" for end in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    main()
