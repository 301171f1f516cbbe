"""Whether verdicts hold, by simulation with our own functions: intervals, comparisons, "tied", certificates.

Answers of known quality are drawn from a large population, as often as is asked for, and what the functions say of the
few rows drawn is held against what is true of the population. With groups, each row of a group of ten repeats the
group's common row with probability sqrt(0.3), so that the intra-class correlation of every figure is 0.3.

    python scripts/verdicts.py --runs 400
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metier.evaluation import interval_of, measure
from metier.evaluation.measure_table import find_measure, metric_name

SIZES = (30, 100, 300, 1000, 3000)
GROUP_SIZE, CORRELATION = 10, 0.3
POPULATION = 40_000


@dataclass(frozen=True)
class Population:
    """Many answered rows, of which samples are drawn.

    Parameters
    ----------
    title : str
    metric : str or RowMeasure
        As it is measured on `truth` and `predicted`.
    truth, predicted : ndarray of shape (n_rows,)
    value : float
        The metric over all rows.
    """

    title: str
    metric: Any
    truth: np.ndarray
    predicted: np.ndarray
    value: float


def populations(rng: np.random.Generator, rows: int = POPULATION) -> Iterator[Population]:
    """Give a population for every kind of metric."""
    for name, labels, right in (("accuracy", 5, 0.8), ("accuracy", 5, 0.95), ("macro_f1", 5, 0.85)):
        yield _of_labels(f"{metric_name(name)} ({right:g} right)", name, rows, labels, right, rng, uneven=False)
    for labels, right in ((20, 0.85), (77, 0.9)):
        title = f"macro-F1, {labels} uneven labels"
        yield _of_labels(title, "macro_f1", rows, labels, right, rng, uneven=True)
    spans = _spans(rows, rng)
    for name in ("entity_f1", "entity_precision", "entity_recall", "entity_macro_f1"):
        yield _of_rows(name, *spans)
    sets = _label_sets(rows, rng)
    for name in ("set_micro_f1", "set_macro_f1", "set_samples_f1", "subset_accuracy"):
        yield _of_rows(name, *sets)
    relations = _relations(rows, rng)
    for name in ("relation_micro_f1", "relation_macro_f1", "semeval_f1"):
        yield _of_rows(name, *relations)
    rankings = _rankings(rows, rng)
    for name in ("recall_at_1", "recall_at_10", "mean_reciprocal_rank", "ndcg_at_10"):
        yield _of_rows(name, *rankings)
    texts = _texts(rows // 10, rng)
    for name in ("exact_match", "answer_f1"):
        yield _of_rows(name, [[one] for one in texts[0]], texts[1])
    for name in ("rouge_1", "rouge_l", "bleu", "chrf"):
        yield _of_rows(name, *texts)
    yield from _of_scores(rows, rng)


def _of_labels(
    title: str, metric: str, rows: int, labels: int, right: float, rng: np.random.Generator, *, uneven: bool
) -> Population:
    shares = 1 / np.arange(1, labels + 1) ** (0.5 if uneven else 0)
    truth = rng.choice(labels, rows, p=shares / shares.sum())
    # Some labels are harder than others.
    hit = rng.random(rows) < right + 0.5 * (1 - right) * np.cos(truth)
    predicted = np.where(hit, truth, rng.choice(labels, rows, p=shares / shares.sum()))
    return Population(title, metric, truth, predicted, measure(metric, truth, predicted))


def _of_rows(name: str, truth: list[Any], predicted: list[Any]) -> Population:
    """Rows are looked up in the population's statistics: they do not depend on the other rows of a sample."""
    found = find_measure(name)
    table = found.statistics(truth, predicted)
    looked_up = replace(found, statistics=lambda rows, _: table[rows])
    return Population(
        metric_name(name), looked_up, np.arange(len(table)), np.arange(len(table)), found.total(table)
    )


def _of_scores(rows: int, rng: np.random.Generator) -> Iterator[Population]:
    truth = rng.standard_normal(rows)
    noise = rng.standard_normal(rows)
    skewed = rng.standard_exponential(rows) - 1
    pairs = {
        "mae": (truth, truth + 0.5 * skewed),
        "rmse": (truth, truth + 0.5 * noise),
        "pearson": (truth, truth + 0.5 * noise),
        "spearman": (truth, truth + 0.5 * noise),
    }
    for name, (true, answered) in pairs.items():
        yield Population(metric_name(name), name, true, answered, measure(name, true, answered))
    close = truth + 0.1 * noise
    for name in ("pearson", "spearman"):
        yield Population(f"{metric_name(name)} near 1", name, truth, close, measure(name, truth, close))
    grades = rng.integers(0, 5, rows)
    for far, title in ((0.02, "weighted kappa near 1"), (0.25, "weighted kappa")):
        moved = np.where(rng.random(rows) < far, rng.choice([-1, 1], rows) * (1 + (rng.random(rows) < 0.2)), 0)
        answered = np.clip(grades + moved, 0, 4)
        value = measure("quadratic_kappa", grades, answered)
        yield Population(title, "quadratic_kappa", grades, answered, value)
    positive = rng.random(rows) < 0.3
    score = positive * 1.5 + noise
    value = measure("average_precision", positive, score)
    yield Population(metric_name("average_precision"), "average_precision", positive, score, value)


def _spans(rows: int, rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    kinds = np.array(["PER", "ORG", "LOC", "MISC"])
    truth, predicted = [], []
    for count in rng.poisson(1.5, rows):
        true = [
            [10 * at, 10 * at + 3, str(kind)]
            for at, kind in enumerate(rng.choice(kinds, count, p=[0.4, 0.3, 0.25, 0.05]))
        ]
        found = [
            span if rng.random() < 0.9 else [span[0], span[1] + 1, span[2]]
            for span in true
            if rng.random() < 0.92
        ]
        if rng.random() < 0.06:
            found.append([90, 95, str(rng.choice(kinds))])
        truth.append(true)
        predicted.append(found)
    return truth, predicted


def _label_sets(rows: int, rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    labels = np.array(list("abcdefghij"))
    has = rng.random((rows, 10)) < 0.5 / np.arange(1, 11) ** 0.5
    answered = np.where(rng.random((rows, 10)) < 0.08, ~has, has)
    return [labels[one].tolist() for one in has], [labels[one].tolist() for one in answered]


def _relations(rows: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    names = ["Other", *(f"Relation-{at}({way})" for at in range(5) for way in ("e1,e2", "e2,e1"))]
    truth = rng.integers(0, len(names), rows)
    answered = np.where(rng.random(rows) < 0.85, truth, rng.integers(0, len(names), rows))
    return [names[at] for at in truth], [names[at] for at in answered]


def _rankings(rows: int, rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    ranks = rng.geometric(0.4, rows)
    order = [f"d{at}" for at in range(15)]
    return [["right"]] * rows, [[*order[: rank - 1], "right", *order[rank - 1 :]] for rank in ranks]


def _texts(rows: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    words = np.array([f"w{at}" for at in range(300)])
    truth, predicted = [], []
    for length in rng.integers(4, 20, rows):
        true = rng.choice(words, length)
        kept = rng.random() ** 0.3
        truth.append(" ".join(true))
        predicted.append(" ".join(np.where(rng.random(length) < kept, true, rng.choice(words, length))))
    return truth, predicted


def drawn_rows(
    rng: np.random.Generator, rows: int, population: int, *, grouped: bool
) -> tuple[np.ndarray, Any]:
    """Give which rows of the population a sample has, and the group of each."""
    own = rng.integers(population, size=rows)
    if not grouped:
        return own, None
    groups = np.arange(rows) // GROUP_SIZE
    common = rng.integers(population, size=rows // GROUP_SIZE + 1)[groups]
    return np.where(rng.random(rows) < np.sqrt(CORRELATION), common, own), groups


def coverage(population: Population, rows: int, runs: int, rng: np.random.Generator, *, grouped: bool) -> float:
    """Share of samples whose 95 % interval holds the population's value."""
    held = 0
    for run in range(runs):
        at, groups = drawn_rows(rng, rows, len(population.truth), grouped=grouped)
        found = interval_of(
            population.metric,
            population.truth[at],
            population.predicted[at],
            groups=groups,
            resamples=500,
            random_state=run,
        )
        held += found.low <= population.value <= found.high
    return held / runs


def print_coverage(runs: int, wanted: Callable[[str], bool], sizes=SIZES) -> None:
    """Print the share of intervals that hold the truth."""
    rng = np.random.default_rng(0)
    every = [one for one in populations(rng) if wanted(one.title)]
    for grouped in (False, True):
        print(
            f"\n| metric{', groups of 10' if grouped else ''} | {' | '.join(f'{rows:,}' for rows in sizes)} |",
            flush=True,
        )
        print(f"|---|{'---|' * len(sizes)}")
        for one in every:
            start = time.perf_counter()
            shares = [coverage(one, rows, runs, rng, grouped=grouped) for rows in sizes]
            flags = [f"{share:.3f}" + ("" if 0.93 <= share <= 0.97 else "*") for share in shares]
            print(f"| {one.title} ({time.perf_counter() - start:.0f}s) | {' | '.join(flags)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--only", default="")
    parser.add_argument("--sizes", default="30,100,300,1000")
    options = parser.parse_args()
    print_coverage(options.runs, lambda title: options.only in title, tuple(map(int, options.sizes.split(","))))
