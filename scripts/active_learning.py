"""How many labels each strategy of the queue needs for the accuracy of all labels minus two points, chance beside it.

    python scripts/active_learning.py --data FOLDER [--sets banking77,clinc150] [--strategies random,badge]
                                      [--stopped random] [--draws 3] [--out found.json]

FOLDER holds the sets of `SETS`, each with train.csv and test.csv. A logistic regression learns on frozen vectors of the
texts (MiniLM for English, multilingual E5 for Chinese), which the cache of embeddings keeps for the next run. A draw begins
with one row of each label, at least ten, the same for all strategies; each round adds a quarter of what is labelled, at
least ten rows. Labels of the first round that reaches the goal on the test rows are counted. The rule of
`metier.continual.queue.stopping` is asked after each round as well, on 1,000 rows drawn by chance: where it stops, and how
far the accuracy then is from that of all labels.
"""

import argparse
import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from metier.bases.embedding import embed
from metier.bases.known_bases import resolve_base
from metier.continual.queue.stopping import advise, change_between
from metier.continual.queue.strategies import Pool, build_strategy

SETS = {
    "banking77": "minilm",
    "clinc150": "minilm",
    "csl_category_zh": "e5-multilingual",
    "uci_sentiment_sentences": "minilm",
    "twitter_financial_news": "minilm",
}
STRATEGIES = (
    "random",
    "least_confidence",
    "breaking_ties",
    "entropy",
    "badge",
    "core_set",
    "class_balance",
    "disagreement",
    "novelty",
)
STOPPED = (
    "random",
    "breaking_ties",
    "badge",
)  # With whose rows the stopping rule is tried, unless others are named.
GOAL = 0.02  # Below the accuracy of all labels.
MARGIN = 0.03  # A change that the stopping rule takes as not worth a batch.
GROWTH, FEWEST, WATCHED = 0.25, 10, 1_000


@dataclass
class Rows:
    """The rows of a set: vectors of length 1 and codes of labels."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    names: tuple[str, ...]


def main() -> None:
    """Print one table a set, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument(
        "--stopped", default=",".join(STOPPED), help="With whose rows the rule is tried; '' for none."
    )
    parser.add_argument("--out", type=Path, help="JSON file for all figures.")
    given = parser.parse_args()
    found: dict[str, Any] = {}
    for name in given.sets.split(","):
        rows = read_rows(given.data / name, SETS[name])
        whole = accuracy(head().set_params(max_iter=200).fit(rows.train, rows.train_labels), rows)
        print(
            f"\n{name}: {len(rows.train)} rows, {len(rows.names)} labels, accuracy of all {whole:.3f}",
            flush=True,
        )
        found[name] = {"rows": len(rows.train), "labels": len(rows.names), "accuracy": whole}
        for strategy in given.strategies.split(","):
            runs = [
                run(strategy, rows, whole, draw, stops=strategy in given.stopped.split(","))
                for draw in range(given.draws)
            ]
            found[name][strategy] = runs
            print(line(strategy, runs, len(rows.train)), flush=True)
            if given.out:
                given.out.write_text(json.dumps(found, indent=1), "utf-8")


def read_rows(folder: Path, base: str) -> Rows:
    """Read a set, and embed its texts."""
    texts, labels = {}, {}
    for part in ("train", "test"):
        with (folder / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            read = list(csv.DictReader(file))
        texts[part], labels[part] = [one["text"] for one in read], [one["label"] for one in read]
    names = tuple(sorted(set(labels["train"])))
    places = {name: place for place, name in enumerate(names)}
    known = [place for place, one in enumerate(labels["test"]) if one in places]
    vectors = embed(resolve_base(base), texts["train"] + texts["test"], threads=1)
    train, test = vectors[: len(texts["train"])], vectors[len(texts["train"]) :]
    codes = [np.array([places.get(one, -1) for one in labels[part]]) for part in ("train", "test")]
    return Rows(train, codes[0], test[known], codes[1][known], names)


def head() -> LogisticRegression:
    """Give the head, which goes on from what it knows when it is fitted again."""
    return LogisticRegression(C=30, max_iter=40, tol=1e-4, warm_start=True)


def accuracy(model: LogisticRegression, rows: Rows) -> float:
    """Measure on the test rows."""
    return float((model.predict(rows.test) == rows.test_labels).mean())


def run(strategy: str, rows: Rows, whole: float, draw: int, *, stops: bool) -> dict[str, Any]:
    """Label until the goal is reached, and where the rule is tried until it stops, or until all rows are labelled."""
    rng = np.random.default_rng(draw)
    labelled = first_rows(rows, rng)
    watched = rng.permutation(len(rows.train))[:WATCHED]
    model = head()
    reached, stopped, before, changes, seconds, curve = None, None, None, [], [], []
    while True:
        model = model.fit(rows.train[labelled], rows.train_labels[labelled])
        now = accuracy(model, rows)
        curve.append([len(labelled), round(now, 4)])
        if reached is None and now >= whole - GOAL:
            reached = len(labelled)
        answers = model.predict(rows.train[watched])
        if before is not None:
            changes.append(change_between(before, answers, look=len(changes) + 1))
            if stopped is None and advise(changes, margin=MARGIN).stops:
                stopped = [len(labelled), round(whole - now, 4)]
        before = answers
        if len(labelled) == len(rows.train) or (reached and (stopped or not stops)):
            return {
                "reached": reached,
                "stopped": stopped,
                "curve": curve,
                "seconds_a_batch": max(seconds, default=0),
            }
        start = time.perf_counter()
        picked = chosen(strategy, model, rows, labelled, rng)
        seconds.append(time.perf_counter() - start)
        labelled = np.concatenate([labelled, picked])


def first_rows(rows: Rows, rng: np.random.Generator) -> np.ndarray:
    """Draw one row of each label, and more until there are ten."""
    order = rng.permutation(len(rows.train))
    _, first = np.unique(rows.train_labels[order], return_index=True)
    picked = order[first]
    return np.concatenate([picked, np.setdiff1d(order, picked)[: max(FEWEST - len(picked), 0)]])


def chosen(
    strategy: str, model: LogisticRegression, rows: Rows, labelled: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Choose the rows of the next batch."""
    waiting = np.setdiff1d(np.arange(len(rows.train)), labelled)
    vectors, n = rows.train[waiting], max(int(GROWTH * len(labelled)), FEWEST)
    probabilities = np.zeros((len(waiting), len(rows.names)))
    probabilities[:, model.classes_] = model.predict_proba(vectors)
    known, labels = rows.train[labelled], rows.train_labels[labelled]
    pool = Pool(
        len(waiting),
        rows.names,
        probabilities,
        vectors,
        known,
        np.bincount(labels, minlength=len(rows.names)),
        (probabilities, by_means(vectors, known, labels, len(rows.names)))
        if strategy == "disagreement"
        else (),
    )
    picked = [one.row for one in build_strategy(strategy)(pool, min(n, len(waiting)), rng=rng)]
    rest = np.setdiff1d(
        rng.permutation(len(waiting)), picked, assume_unique=True
    )  # Where too few rows are wanted.
    return waiting[np.concatenate([np.array(picked, dtype=int), rest[: min(n, len(waiting)) - len(picked)]])]


def by_means(vectors: np.ndarray, known: np.ndarray, labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Answer by the nearest mean of a label: the second opinion of `disagreement`."""
    means = np.stack(
        [
            known[labels == one].mean(axis=0) if (labels == one).any() else 0 * known[0]
            for one in range(n_labels)
        ]
    )
    logits = 20 * vectors @ means.T
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def line(strategy: str, runs: list[dict[str, Any]], n_rows: int) -> str:
    """Give one line of the table."""
    needed = [one["reached"] or n_rows for one in runs]
    shares = f"{100 * np.mean(needed) / n_rows:.0f} % ({min(needed)} to {max(needed)})"
    stops = [one["stopped"] for one in runs if one["stopped"]]
    stop = "–" if not stops else ", ".join(f"{100 * n / n_rows:.0f} %: {100 * off:+.1f}" for n, off in stops)
    return f"| {strategy} | {shares} | {stop} | {max(one['seconds_a_batch'] for one in runs):.2f} |"


if __name__ == "__main__":
    main()
