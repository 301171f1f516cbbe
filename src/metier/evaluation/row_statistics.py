"""What a measure needs to know of each row, so that thousands of resamples cost one matrix product.

Most measures of the trade (entity F1, BLEU, ROUGE, mean absolute error) are arithmetic on sums over rows: of
right, true and predicted entities, of matching n-grams, of errors. A `RowMeasure` says which numbers each row
adds and what is made of their sums. A bootstrap sample is then the rows' numbers times how often each row was
drawn, and a measure is never computed row by row again. What ranks the rows among one another (rank correlation)
has no such sums, and says instead what it is where each row counts so many times.
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
    """A figure that is arithmetic on sums over rows.

    Parameters
    ----------
    name : str
    statistics : callable
        (truth, predicted), each with one element a row -> float64 ndarray of shape (n_rows, n_statistics).
    value : callable
        Sums of shape (..., n_statistics) -> figures of shape (...); always finite: a share of nothing is 0.
    higher_is_better : bool or None, default=True
        None: the figure describes answers and ranks none (how long they are).
    is_fraction : bool, default=True
        The figure lies from 0 to 1 and reads as a percentage.
    is_right : callable, default=None
        Statistics -> bool ndarray of shape (n_rows,): the row is answered rightly. None: no row is simply right.
    row_value : callable, default=None
        Statistics -> what each row is worth alone, on the measure's scale; None: `value` of its statistics.
    is_relative : bool, default=False
        A row's statistics depend on the other rows (ranks do), so two methods' are never computed as one table.
    on_counts : callable, default=None
        Statistics and counts of shape (..., n_rows) -> figures of shape (...), for what changes with the company
        a row is drawn into. None: `value` of the counted sums.
    title : str, default=None
        The name as the field writes it; None: `name` with spaces, or what `metric_names` has.
    """

    name: str
    statistics: Statistics
    value: OnSums
    higher_is_better: bool | None = True
    is_fraction: bool = True
    is_right: OnSums | None = None
    row_value: OnSums | None = None
    is_relative: bool = False
    on_counts: OnCounts | None = None
    title: str | None = None

    def paired(
        self, truth: Sequence[Any], first: Sequence[Any], second: Sequence[Any]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Statistics of two sets of answers to the same rows, with the same columns."""
        if self.is_relative:
            return self.statistics(truth, first), self.statistics(truth, second)
        # As one table, because which labels have columns may depend on the answers.
        both = self.statistics([*truth, *truth], [*first, *second])
        return both[: len(truth)], both[len(truth) :]

    def figures(self, statistics: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Figures where row i counts `counts[..., i]` times; shape of `counts` without its last axis."""
        return self.on_counts(statistics, counts) if self.on_counts else self.value(counts @ statistics)

    def figure(self, statistics: np.ndarray) -> float:
        """The figure of all rows."""
        return float(self.value(statistics.sum(axis=0)))

    def of_rows(self, statistics: np.ndarray) -> np.ndarray:
        """What each row is worth alone, more being better; shape (n_rows,)."""
        worth = (self.row_value or self.value)(statistics)
        return worth if self.higher_is_better else -worth


def check_rows(truth: Sequence[Any], *predicted: Sequence[Any]) -> int:
    """Give the number of rows.

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
        raise ValueError(f"Expected one answer a row, found {found} rows. Give answers to the same rows.")
    if not lengths[0]:
        raise EmptyDataError("There are no rows to measure on. Give at least one row with what is true of it.")
    return lengths[0]


def divide(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Divide; a share of nothing is 0."""
    parts, wholes = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    shares: np.ndarray = np.divide(parts, wholes, out=np.zeros(np.shape(wholes)), where=wholes != 0)
    return shares


def mean_of_rows(
    name: str,
    row_value: Callable[[Any, Any], float | None],
    *,
    higher_is_better: bool = True,
    is_fraction: bool = True,
    right_at_one: bool = False,
) -> RowMeasure:
    """Make the measure that is the mean over rows of `row_value(true, predicted)`; None leaves the row out.

    `right_at_one` says that a row worth 1 is right and any other wrong.
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
        is_right=_worth_one if right_at_one else None,
    )


def mean_value(sums: np.ndarray) -> np.ndarray:
    """Mean from the sums [of values, of rows]."""
    return divide(sums[..., 0], sums[..., 1])


def _worth_one(statistics: np.ndarray) -> np.ndarray:
    right: np.ndarray = statistics[:, 0] == statistics[:, 1]
    return right


def count_found(truth: Sequence[Collection[Hashable]], predicted: Sequence[Collection[Hashable]]) -> np.ndarray:
    """Things found, there and answered in each row: float64 of shape (n_rows, 3). A thing counts once a row."""
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
    """Count as `count_found` does, for each kind of thing: float64 of shape (n_rows, 3 * n_kinds)."""
    column = {name: number for number, name in enumerate(kinds)}
    counts = np.zeros((len(truth), len(kinds), 3))
    for row, (true, answer) in enumerate(zip(truth, predicted, strict=True)):
        true_ones, answered = set(true), set(answer)
        for things, place in ((true_ones & answered, 0), (true_ones, 1), (answered, 2)):
            for thing in things:
                counts[row, column[kind(thing)], place] += 1
    return counts.reshape(len(truth), -1)


def by_kinds(counts: np.ndarray) -> np.ndarray:
    """Give counts of shape (..., 3 * n_kinds) as (..., n_kinds, 3); there may be no kinds at all."""
    return counts.reshape(*counts.shape[:-1], counts.shape[-1] // 3, 3)


def precision_value(sums: np.ndarray) -> np.ndarray:
    """Share of the answered things that are true, from the sums [found, there, answered]."""
    return divide(sums[..., 0], sums[..., 2])


def recall_value(sums: np.ndarray) -> np.ndarray:
    """Share of the true things that are found, from the sums [found, there, answered]."""
    return divide(sums[..., 0], sums[..., 1])


def f1_value(sums: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall, from the sums [found, there, answered]."""
    return divide(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def macro_f1_value(sums: np.ndarray) -> np.ndarray:
    """Mean of F1 over kinds, from sums of `count_found_by_kind`; kinds never met are left out."""
    by_kind = by_kinds(sums)
    met = by_kind[..., 1] + by_kind[..., 2] > 0
    return divide(f1_value(by_kind).sum(axis=-1), met.sum(axis=-1))


def nothing_missed(statistics: np.ndarray) -> np.ndarray:
    """Whether each row's things were all found and nothing else was; from counts of any number of kinds."""
    by_kind = by_kinds(statistics)
    right: np.ndarray = (by_kind[..., 1] + by_kind[..., 2] - 2 * by_kind[..., 0]).sum(axis=-1) == 0
    return right
