"""Whether verdicts hold, by simulation with our own functions: intervals, comparisons, "tied", certificates.

Answers of known quality are drawn from a large population, as often as is asked for, and what the functions say of the
few rows drawn is held against what is true of the population. With groups, each row of a group of ten repeats the
group's common row with probability sqrt(0.3), so that the intra-class correlation of every figure is 0.3.

    python scripts/verdicts.py [--runs 150]
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metier.evaluation import interval_of, measure
from metier.evaluation.choice_margins import TIED_BELOW
from metier.evaluation.many_comparisons import compare_with_best
from metier.evaluation.measure_table import find_measure, metric_name
from metier.fusion import certify_cascade

GROUP_SIZE, CORRELATION = 10, 0.3
POPULATION = 40_000
TOLERANCE = 0.01
LEAST_COVERAGE = 0.93


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


def print_coverage(runs: int, wanted: str, sizes: tuple[int, ...]) -> None:
    """Print the share of intervals that hold the truth, of every metric."""
    rng = np.random.default_rng(0)
    every = [one for one in populations(rng) if wanted in one.title]
    noise = 1.5 * slack(max(50, runs // 3))
    for grouped in (False, True):
        title = f"metric, groups of {GROUP_SIZE}" if grouped else "metric"
        print_head(title, [f"n = {rows:,}" for rows in sizes])
        for one in every:
            shares = [
                # Thousands of rows vary little, and take the longest.
                coverage(one, rows, runs if rows <= 300 else max(50, runs // 3), rng, grouped=grouped)
                for rows in sizes
            ]
            print_row(one.title, shares, good=lambda share: share >= LEAST_COVERAGE - noise)


@dataclass(frozen=True)
class Race:
    """Candidates with known accuracies that answered the same rows.

    Parameters
    ----------
    truth : ndarray of int of shape (n_rows,)
    answers : dict of str to ndarray
    accuracies : dict of str to float
        What each is right in, of all rows there could be.
    groups : ndarray of int of shape (n_rows,) or None
    """

    truth: np.ndarray
    answers: dict[str, np.ndarray]
    accuracies: dict[str, float]
    groups: np.ndarray | None

    @property
    def best(self) -> str:
        """The candidate that these rows make the best."""
        return max(self.answers, key=lambda name: float(np.mean(self.answers[name] == self.truth)))


def race(
    rng: np.random.Generator, accuracies: list[float], rows: int, *, grouped: bool, agreement: float = 0.8
) -> Race:
    """Draw rows whose difficulty all candidates share in part: two of them flip about a tenth of the rows."""

    def luck() -> np.ndarray:
        own = rng.random(rows)
        return (
            own
            if not grouped
            else np.where(rng.random(rows) < np.sqrt(CORRELATION), rng.random(rows)[groups], own)
        )

    groups = np.arange(rows) // GROUP_SIZE
    truth, common = rng.integers(0, 5, rows), luck()
    answers = {}
    for number, accuracy in enumerate(accuracies):
        chance = np.where(luck() < agreement, common, luck())
        answers[f"c{number}"] = np.where(chance < accuracy, truth, (truth + 1) % 5)
    true_ones = {f"c{number}": accuracy for number, accuracy in enumerate(accuracies)}
    return Race(truth, answers, true_ones, groups if grouped else None)


def compared(one: Race, run: int) -> dict[str, Any]:
    """Compare all with the observed best, as a run does."""
    return compare_with_best(
        "accuracy",
        one.truth,
        one.answers,
        one.best,
        tolerance=TOLERANCE,
        groups=one.groups,
        resamples=500,
        random_state=run,
    )


def print_false_differences(runs: int, sizes: tuple[int, ...]) -> None:
    """Print how often any of several equal candidates is shown to be worse than the best."""
    print_head("equal candidates, a difference shown", [f"n = {rows:,}" for rows in sizes])
    for grouped in (False, True):
        for count in (3, 6, 10):
            rng = np.random.default_rng(count)
            shares = []
            for rows in sizes:
                races = (race(rng, [0.85] * count, rows, grouped=grouped) for _ in range(runs))
                shown = [
                    any(found.verdict == "b is better" for found in compared(one, run).values())
                    for run, one in enumerate(races)
                ]
                shares.append(float(np.mean(shown)))
            print_row(
                f"{count}{', in groups' if grouped else ''}",
                shares,
                good=lambda share: share <= 0.05 + slack(runs),
            )


def print_tied(runs: int, sizes: tuple[int, ...]) -> None:
    """Print how often a candidate called tied is truly more than the tolerance worse."""
    print_head(f"called tied, truly over {TOLERANCE * 100:g} point worse", [f"n = {rows:,}" for rows in sizes])
    for grouped in (False, True):
        rng = np.random.default_rng(7)
        shares, counts = [], []
        for rows in sizes:
            tied = wrong = 0
            for run in range(runs):
                # Candidates as they are: some alike, some points apart.
                accuracies = (0.85 + 0.02 * rng.standard_normal(5)).tolist()
                one = race(rng, accuracies, rows, grouped=grouped, agreement=0.9)
                best = one.accuracies[one.best]
                close = [name for name, found in compared(one, run).items() if found.chance_worse < TIED_BELOW]
                tied += len(close)
                wrong += sum(best - one.accuracies[name] > TOLERANCE for name in close)
            shares.append(wrong / max(tied, 1))
            counts.append(tied / (4 * runs))
        title = "share of those called tied" + (", in groups" if grouped else "")
        print_row(title, shares, good=lambda share: share <= 0.1)
        print_row("share called tied" + (", in groups" if grouped else ""), counts)


def print_certificates(runs: int) -> None:
    """Print how often a certificate was given, and how often it did not hold."""
    print_head("certificate, 3,000 rows, margin 2 points", ["given", "broken"])
    for grouped in (False, True):
        rng = np.random.default_rng(3)
        given = broken = 0
        for _ in range(runs):
            at, groups = drawn_rows(rng, 3000, 1_000_000, grouped=grouped)
            sure = 0.5 + 0.5 * ((at * 0.6180339887) % 1)
            lost = ((at * 0.7548776662) % 1) < 0.3 * (1 - sure)
            cheap = np.column_stack([np.where(lost, 1 - sure, sure), np.where(lost, sure, 1 - sure)])
            big, truth = np.tile([0.9, 0.1], (len(at), 1)), np.zeros(len(at), dtype=int)
            found = certify_cascade(cheap, big, truth, margin=0.02, groups=groups)
            if found.threshold is not None:
                given += 1
                # The loss of all rows that are kept: the integral of 0.3 (1 - c) over c from the threshold to 1.
                broken += 0.3 * (1 - max(found.threshold, 0.5)) ** 2 > 0.02
        print_row("in groups" if grouped else "single rows", [given / runs, broken / runs])


def slack(runs: int) -> float:
    """Two standard errors of a share of 5 % in so many runs."""
    return float(2 * np.sqrt(0.05 * 0.95 / runs))


def print_head(title: str, columns: list[str]) -> None:
    """Print the head of a table."""
    print(f"\n| {title} | {' | '.join(columns)} |", flush=True)
    print(f"|---|{'---|' * len(columns)}")


def print_row(title: str, shares: list[float], *, good: Callable[[float], bool] = lambda _: True) -> None:
    """Print one row; shares that miss what is promised are bold."""
    cells = [f"{share:.3f}" if good(share) else f"**{share:.3f}**" for share in shares]
    print(f"| {title} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=150, help="simulated runs for each figure")
    parser.add_argument("--only", default="", help="only metrics with this in their title, and nothing else")
    parser.add_argument("--sizes", default="30,100,300,1000,3000", help="numbers of rows")
    parser.add_argument(
        "--no-coverage", action="store_true", help="only the tables of comparisons and certificates"
    )
    options = parser.parse_args()
    sizes = tuple(int(one) for one in options.sizes.split(","))
    if not options.only:
        print_false_differences(options.runs, (100, 300, 1000))
        print_tied(options.runs, (100, 300, 1000, 3000))
        print_certificates(options.runs)
    if not options.no_coverage:
        print_coverage(options.runs, options.only, sizes)


if __name__ == "__main__":
    main()
