"""Metrics as functions of sums of row statistics, so that thousands of resamples cost one matrix product.

Most metrics (entity F1, BLEU, ROUGE, mean absolute error) are functions of sums over rows: of correct, true and
predicted entities, of matching n-grams, of errors. A `RowMeasure` defines the statistics of a row and the function
of their sums. A bootstrap sample is then the product of row counts and row statistics. Metrics that depend on ranks
among the rows have no such sums; they compute the value from statistics and counts (`on_counts`).
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.errors import EmptyDataError

Statistics = Callable[[Sequence[Any], Sequence[Any]], np.ndarray]
OnSums = Callable[[np.ndarray], np.ndarray]
OnCounts = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class RowMeasure:
    """A metric that is a function of sums over rows.

    Parameters
    ----------
    name : str
    statistics : callable
        (truth, predicted), each with one element per row -> float64 ndarray of shape (n_rows, n_statistics).
    value : callable
        Sums of shape (..., n_statistics) -> values of shape (...); always finite: 0 / 0 is 0.
    higher_is_better : bool or None, default=True
        None: descriptive, without better or worse (such as length).
    is_fraction : bool, default=True
        The value is between 0 and 1 and can be shown as a percentage.
    is_correct : callable, default=None
        Statistics -> bool ndarray of shape (n_rows,): the row is answered correctly. None: rows are not correct or
        wrong.
    row_value : callable, default=None
        Statistics -> value of each single row; None: `value` of its statistics.
    is_relative : bool, default=False
        The statistics of a row depend on the other rows (as ranks do), so those of two methods are computed separately.
    on_counts : callable, default=None
        Statistics and counts of shape (..., n_rows) -> values of shape (...), for metrics that are not a function of
        sums. None: `value` of the weighted sums.
    shrunk : callable, default=None
        For means over kinds, which are too low where kinds are rare: as `value`, with one more of each kind, answered as
        well as the average. The interval holds that of it too.
    one_wrong : callable, default=None
        For values near 1 that are no fractions: sums -> how much one more wrong row lowers the value.
    is_correlation : bool, default=False
        The value is between -1 and 1, and the nearer to an end the less it varies.
    takes_source : bool, default=False
        In the place of the truth it takes what each row asks, as one text.
    title : str, default=None
        Display name; None: from `metric_names`, else `name` with spaces.
    """

    name: str
    statistics: Statistics
    value: OnSums
    higher_is_better: bool | None = True
    is_fraction: bool = True
    is_correct: OnSums | None = None
    row_value: OnSums | None = None
    is_relative: bool = False
    on_counts: OnCounts | None = None
    shrunk: OnSums | None = None
    one_wrong: OnSums | None = None
    is_correlation: bool = False
    takes_source: bool = False
    title: str | None = None

    def paired(
        self, truth: Sequence[Any], first: Sequence[Any], second: Sequence[Any]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Statistics of two sets of answers to the same rows, with the same columns."""
        if self.is_relative:
            return self.statistics(truth, first), self.statistics(truth, second)
        # One table, as the labels that have columns may depend on the answers.
        both = self.statistics([*truth, *truth], [*first, *second])
        return both[: len(truth)], both[len(truth) :]

    @property
    def is_mean_like(self) -> bool:
        """Whether it is a fraction that a row changes by about its share: not a mean over labels, not one of ranks."""
        return self.is_fraction and self.shrunk is None and self.on_counts is None

    def values(self, statistics: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Values where row i counts `counts[..., i]` times; shape of `counts` without its last axis."""
        return self.on_counts(statistics, counts) if self.on_counts else self.value(counts @ statistics)

    def total(self, statistics: np.ndarray) -> float:
        """The value over all rows."""
        return float(self.value(statistics.sum(axis=0)))

    def of_rows(self, statistics: np.ndarray) -> np.ndarray:
        """The value of each single row, higher being better; shape (n_rows,)."""
        own = (self.row_value or self.value)(statistics)
        return own if self.higher_is_better else -own


def check_rows(truth: Sequence[Any], *predicted: Sequence[Any]) -> int:
    """Check that all arrays have the same length; gives the number of rows.

    Raises
    ------
    EmptyDataError
        If there are no rows.
    ValueError
        If the lengths differ.
    """
    lengths = [len(rows) for rows in (truth, *predicted)]
    if len(set(lengths)) > 1:
        found = " and ".join(map(str, lengths))
        raise ValueError(f"Expected one answer per row, found {found} rows. Give answers to the same rows.")
    if not lengths[0]:
        raise EmptyDataError("There are no rows to measure on. Give at least one row with its true answer.")
    return lengths[0]


def divide(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Divide; 0 where the divisor is 0."""
    parts, wholes = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    shares: np.ndarray = np.divide(parts, wholes, out=np.zeros(np.shape(wholes)), where=wholes != 0)
    return shares


def mean_of_rows(
    name: str,
    row_value: Callable[[Any, Any], float | None],
    *,
    higher_is_better: bool = True,
    is_fraction: bool = True,
    correct_at_one: bool = False,
) -> RowMeasure:
    """Make the measure that is the mean over rows of `row_value(true, predicted)`; None excludes the row.

    `correct_at_one` means that a row with the value 1 is correct and any other wrong.
    """

    def statistics(truth: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        values = [row_value(true, answer) for true, answer in zip(truth, predicted, strict=True)]
        return np.array([(0.0, 0.0) if value is None else (value, 1.0) for value in values]).reshape(-1, 2)

    return RowMeasure(
        name,
        statistics,
        mean_value,
        higher_is_better=higher_is_better,
        is_fraction=is_fraction,
        is_correct=_is_one if correct_at_one else None,
    )


def mean_value(sums: np.ndarray) -> np.ndarray:
    """Mean from the sums [of values, of rows]."""
    return divide(sums[..., 0], sums[..., 1])


def _is_one(statistics: np.ndarray) -> np.ndarray:
    correct: np.ndarray = statistics[:, 0] == statistics[:, 1]
    return correct


def count_found(truth: Sequence[Collection[Hashable]], predicted: Sequence[Collection[Hashable]]) -> np.ndarray:
    """Count correct, true and predicted items of each row: float64 of shape (n_rows, 3). Items count once per row."""
    sets = [(set(true), set(answer)) for true, answer in zip(truth, predicted, strict=True)]
    return np.array(
        [(len(true & answer), len(true), len(answer)) for true, answer in sets], dtype=np.float64
    ).reshape(-1, 3)


def count_found_by_kind(
    truth: Sequence[Collection[Hashable]],
    predicted: Sequence[Collection[Hashable]],
    *,
    kind: Callable[[Any], str],
    kinds: Sequence[str],
) -> np.ndarray:
    """Count as `count_found` does, for each kind of item: float64 of shape (n_rows, 3 * n_kinds)."""
    column = {name: number for number, name in enumerate(kinds)}
    counts = np.zeros((len(truth), len(kinds), 3))
    for row, (true, answer) in enumerate(zip(truth, predicted, strict=True)):
        true_ones, answered = set(true), set(answer)
        for items, column_of_count in ((true_ones & answered, 0), (true_ones, 1), (answered, 2)):
            for item in items:
                counts[row, column[kind(item)], column_of_count] += 1
    return counts.reshape(len(truth), -1)


def by_kinds(counts: np.ndarray) -> np.ndarray:
    """Give counts of shape (..., 3 * n_kinds) as (..., n_kinds, 3); the number of kinds may be 0."""
    return counts.reshape(*counts.shape[:-1], counts.shape[-1] // 3, 3)


def precision_value(sums: np.ndarray) -> np.ndarray:
    """Precision, from the sums [correct, true, predicted]."""
    return divide(sums[..., 0], sums[..., 2])


def recall_value(sums: np.ndarray) -> np.ndarray:
    """Recall, from the sums [correct, true, predicted]."""
    return divide(sums[..., 0], sums[..., 1])


def f1_value(sums: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall, from the sums [correct, true, predicted]."""
    return divide(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def macro_f1_value(sums: np.ndarray) -> np.ndarray:
    """Mean of F1 over kinds, from sums of `count_found_by_kind`; kinds that never occur are excluded."""
    by_kind = by_kinds(sums)
    occurs = by_kind[..., 1] + by_kind[..., 2] > 0
    return divide(f1_value(by_kind).sum(axis=-1), occurs.sum(axis=-1))


def shrunk_macro_f1_value(sums: np.ndarray) -> np.ndarray:
    """As `macro_f1_value`, with one more of each kind that occurs, found as well as all kinds together."""
    by_kind = by_kinds(sums)
    occurs = by_kind[..., 1] + by_kind[..., 2] > 0
    average = f1_value(by_kind.sum(axis=-2))[..., None]
    more = (
        by_kind + np.stack([average, np.ones_like(average), np.ones_like(average)], axis=-1) * occurs[..., None]
    )
    return divide(f1_value(more).sum(axis=-1), occurs.sum(axis=-1))


def all_correct(statistics: np.ndarray) -> np.ndarray:
    """Whether exactly the true items of each row were predicted; from counts of any number of kinds."""
    by_kind = by_kinds(statistics)
    correct: np.ndarray = (by_kind[..., 1] + by_kind[..., 2] - 2 * by_kind[..., 0]).sum(axis=-1) == 0
    return correct
