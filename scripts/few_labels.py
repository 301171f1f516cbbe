"""Few labels, none, and examples in a prompt: what they give on tags, relations, answers and labels, and what they cost.

    python scripts/few_labels.py --data FOLDER [--only NAME …] [--methods NAME …] [--test 300] [--draws 1] [--asked 30]

FOLDER holds `wnut17`, `ncbi_disease`, `uner_zh_gsd`, `semeval2010_task8`, `finre_zh`, `twitter_financial_news` and `xquad`.
Each line is a method on rows drawn at random: the task's own metric on test rows with a 95 % interval by bootstrap over
rows, the seconds of processor to learn and to answer a row, and where a model was asked in words the tokens of a row.
Zero-shot methods see texts and descriptions, never a label. Methods that ask a base are given `--asked` test rows.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import metier
from metier import catalogue
from metier.selection.execution.out_of_fold import answers_of
from metier.selection.scores import Scores
from metier.tasks.task_table import load_task

RESAMPLED = 200
NAMES_EN = {
    "person": "the name of a person",
    "location": "the name of a place, a city or a country",
    "group": "the name of a band, a team or a group",
    "corporation": "the name of a company",
    "product": "the name of a product, a device or an app",
    "creative-work": "the title of a song, a film, a book or a show",
}
DISEASES = {"Disease": "the name of a disease, a tumour or a medical condition"}
NAMES_ZH = {
    "PER": "人名，某个人物",
    "LOC": "地名，城市、国家或地区",
    "ORG": "机构名，公司、学校或组织",
}
SAID = {
    "Cause-Effect": "{} causes {}.",
    "Component-Whole": "{} is a part of {}.",
    "Member-Collection": "{} is a member of {}.",
    "Entity-Origin": "{} comes from {}.",
    "Entity-Destination": "{} is put into {}.",
    "Product-Producer": "{} is made by {}.",
    "Content-Container": "{} is inside {}.",
    "Message-Topic": "{} is about {}.",
    "Instrument-Agency": "{} is used by {}.",
}
RELATIONS = {
    f"{name}({order})": said.format(*(("{head}", "{tail}") if order == "e1,e2" else ("{tail}", "{head}")))
    for name, said in SAID.items()
    for order in ("e1,e2", "e2,e1")
}
TWEETS = {
    "bearish": "negative: the share price falls or the outlook is worse",
    "bullish": "positive: the share price rises or the outlook is better",
    "neutral": "a fact without good or bad news",
}


@dataclass(frozen=True)
class Line:
    """A method of a proof.

    Parameters
    ----------
    method : str
    settings : dict
    sees_labels : bool
        Whether it learns from the targets of the rows.
    asks : bool
        Whether it asks a base in words: it is given fewer test rows.
    """

    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    sees_labels: bool = True
    asks: bool = False


@dataclass(frozen=True)
class Proof:
    """A set and the methods that are compared on it.

    Parameters
    ----------
    train, test : str
        Below the folder of the sets; the same file is split.
    rows : int
        To learn from.
    """

    name: str
    task: str
    train: str
    test: str
    rows: int
    lines: tuple[Line, ...]


def tags(name: str, described: dict[str, str]) -> Proof:
    """Give the proof of a set of tagged sentences, 50 of which are labelled."""
    lines = (
        *(Line("dictionary_tagger.v1"), Line("crf.v1"), Line("few_shot.v1")),
        Line("zero_shot.v1", {"descriptions": described}, sees_labels=False),
    )
    return Proof(name, "ner", f"{name}/train.conll", f"{name}/test.conll", 50, lines)


def relations(name: str, described: dict[str, str] | None) -> Proof:
    """Give the proof of a set of relations, 200 rows of which are labelled."""
    few = (Line("majority.v1"), Line("relation_linear.v1"), Line("few_shot.v1"))
    zero = (Line("zero_shot.v1", {"descriptions": described}, sees_labels=False),)
    return Proof(name, "relation", f"{name}/train.jsonl", f"{name}/test.jsonl", 200, (*few, *zero))


def asked(baseline: str, **settings: Any) -> tuple[Line, ...]:
    """Give a baseline and a base asked without and with examples."""
    trusted = {"right_fraction": 0.5, "temperature": 1.0, "half_width": 1.0, **settings}
    return (
        Line(baseline),
        *(Line("prompted.v1", {**trusted, "n_examples": n}, asks=True) for n in (0, 4)),
    )


PROOFS = (
    tags("wnut17", NAMES_EN),
    tags("ncbi_disease", DISEASES),
    tags("uner_zh_gsd", NAMES_ZH),
    relations("semeval2010_task8", RELATIONS),
    relations("finre_zh", None),
    Proof(
        "tweets, asked",
        "classification",
        "twitter_financial_news/train.csv",
        "twitter_financial_news/test.csv",
        100,
        asked("majority.v1", descriptions=TWEETS),
    ),
    Proof(
        "diseases, asked",
        "ner",
        "ncbi_disease/train.conll",
        "ncbi_disease/test.conll",
        100,
        asked("dictionary_tagger.v1", descriptions=DISEASES),
    ),
    Proof(
        "passages, asked",
        "extractive_qa",
        "xquad/test.en.json",
        "xquad/test.en.json",
        100,
        asked("passage_phrase.v1"),
    ),
)


def rows_of(proof: Proof, data: Path, n_test: int, draw: int) -> tuple[Any, ...]:
    """Give the task, and items and targets to learn from and to answer."""
    train, test = (metier.read(str(data / part)) for part in (proof.train, proof.test))
    order = np.random.default_rng(draw).permutation(len(train))
    if proof.train == proof.test:
        some, held = train.take(order[: proof.rows]), train.take(order[proof.rows : proof.rows + n_test])
    else:
        some = train.take(order[: proof.rows])
        held = test.take(np.random.default_rng(draw).permutation(len(test))[:n_test])
    task = load_task(proof.task).from_rows(train)
    return (
        task,
        list(task.items(some)),
        list(task.targets(some)),
        list(task.items(held)),
        list(task.targets(held)),
    )


def measured(task: Any, targets: Sequence[Any], predicted: Sequence[Any]) -> tuple[float, float, float]:
    """Give the task's metric and its interval."""
    value = Scores(task, targets).measure(task.primary_metric, predicted)
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLED):
        rows = random.integers(0, len(targets), len(targets)).tolist()
        again = Scores(task, [targets[row] for row in rows])
        drawn.append(again.measure(task.primary_metric, [predicted[row] for row in rows]))
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return float(value), low, high


def run(line: Line, proof: Proof, rows: tuple[Any, ...], n_asked: int) -> str:
    """Fit and answer; give the line of the table."""
    task, items, targets, held, truth = rows
    if line.asks:
        held, truth = held[:n_asked], truth[:n_asked]
    method = catalogue.resolve(line.method)
    taken = method._get_param_names()
    own = {"task": proof.task, "negative_label": task.negative_label, "match_label": task.match_label}
    settings = {name: value for name, value in (own | line.settings).items() if name in taken}
    built = method(**settings)
    start = time.process_time()
    if line.sees_labels or not line.settings.get("descriptions"):
        built.fit(items, targets)
    else:
        built.fit(items)  # Texts and descriptions alone.
    learned = time.process_time()
    predicted = answers_of(built, held, task).predicted
    answered = time.process_time()
    value, low, high = measured(task, truth, predicted)
    figure = f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    name = line.method + (f", {line.settings['n_examples']} examples" if line.asks else "")
    seconds = f"{learned - start:.1f} | {1000 * (answered - learned) / len(held):.0f}"
    return f"| {proof.name} | {name} | {task.primary_metric} | {figure} | {len(held)} | {seconds} |"


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[], help="names of proofs, or the beginnings of them")
    parser.add_argument("--methods", nargs="*", default=[], help="versioned names; all by default")
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--asked", type=int, default=30)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| set | method | metric | figure | test rows | s to learn | ms a row |\n|---|---|---|---|---|---|---|"
    )
    for proof in PROOFS:
        if given.only and not any(proof.name.startswith(name) for name in given.only):
            continue
        for draw in range(given.draws):
            rows = rows_of(proof, given.data, given.test, draw)
            for line in proof.lines:
                if given.methods and line.method not in given.methods:
                    continue
                print(run(line, proof, rows, given.asked), flush=True)


if __name__ == "__main__":
    main()
