"""The bootstrap and the randomization test on row statistics.

Rows with the same statistics are exchangeable and form one cell, as in `resampling`: a thousand rows that are
either correct or wrong form two cells. A resample is then a matrix product of counts and statistics, computed in
blocks of bounded size.

Where rows belong together (`groups`), whole groups are drawn and swapped.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from metier.evaluation.groups import count_units, group_codes, sum_groups
from metier.evaluation.measure_table import Metric, find_measure
from metier.evaluation.metrics import METRICS
from metier.evaluation.resampling import drawn_counts, resampled
from metier.evaluation.row_statistics import RowMeasure, check_rows, mean_of_rows

# Numbers in memory at once in each of a few arrays: together about 32 MB, for any number of rows.
NUMBERS_AT_ONCE = 500_000
# Wide tables have hundreds of labels; finding equal rows in them would need three more copies.
WIDEST_GROUPED = 100

HITS = mean_of_rows("accuracy", lambda true, answer: float(true == answer), correct_at_one=True)


def gather_rows(*statistics: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Group rows with the same statistics under every method.

    Parameters
    ----------
    *statistics : ndarray of shape (n_rows, n_statistics)
        One table for each set of answers to the same rows.

    Returns
    -------
    tables : list of ndarray of shape (n_cells, n_statistics)
    rows : ndarray of int of shape (n_cells,)
        Number of rows of each cell.
    """
    if sum(table.shape[1] for table in statistics) > WIDEST_GROUPED:
        return list(statistics), np.ones(len(statistics[0]), dtype=np.int64)
    cells, rows = np.unique(np.concatenate(statistics, axis=1), axis=0, return_counts=True)
    return np.split(cells, len(statistics), axis=1), rows


def gather_units(
    measure: RowMeasure, tables: Sequence[np.ndarray], groups: np.ndarray | None
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray | None]:
    """Prepare tables of row statistics for `bootstrap_values` and `swapped_values`.

    Returns
    -------
    tables : list of ndarray of shape (n_cells, n_statistics)
    units : ndarray of int
        How many units each cell has; with codes, one for each group.
    codes : ndarray of int of shape (n_cells,) or None
        The unit of each cell, for metrics that are not a function of sums over rows.
    """
    if groups is None:
        return *gather_rows(*tables), None
    if measure.on_counts is None:
        return *gather_rows(*(sum_groups(table, groups) for table in tables)), None
    return list(tables), np.ones(count_units(groups, len(groups)), dtype=np.int64), groups


def bootstrap_values(
    measure: RowMeasure,
    tables: list[np.ndarray],
    rows: np.ndarray,
    codes: np.ndarray | None = None,
    *,
    resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Metric values of bootstrap samples, of shape (n_tables, resamples); tables as `gather_units` gives them.

    Columns are paired: one column is one sample.
    """
    widest = 1 if codes is None else len(codes) // len(rows) + 1
    blocks = [
        np.stack([measure.values(table, _of_rows(counts, codes)) for table in tables])
        for counts in _draw(rows, resamples, rng, widest=widest, whole=not measure.is_mean_like)
    ]
    return np.concatenate(blocks, axis=1)


def _of_rows(counts: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
    """Give every row the count of its group."""
    return counts if codes is None else counts[:, codes]


def swapped_values(
    measure: RowMeasure,
    tables: list[np.ndarray],
    rows: np.ndarray,
    codes: np.ndarray | None = None,
    *,
    swaps: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Metric values of two methods after swapping the answers of random rows or groups; shape (2, swaps)."""
    first, second = tables
    if measure.on_counts is None:
        gain = second - first
        moved = np.concatenate([swapped @ gain for swapped in _toss(rows, swaps, rng)])
        return np.stack([measure.value(rows @ first + moved), measure.value(rows @ second - moved)])
    # The rows of a cell split into those whose answers are kept and those whose answers are swapped.
    sides = np.concatenate([first, second]), np.concatenate([second, first])
    blocks = []
    for tossed in _toss(rows, swaps, rng, widest=1 if codes is None else len(codes) // len(rows) + 1):
        counts = np.concatenate([_of_rows(rows - tossed, codes), _of_rows(tossed, codes)], axis=1)
        blocks.append(np.stack([measure.values(side, counts) for side in sides]))
    return np.concatenate(blocks, axis=1)


def _toss(rows: np.ndarray, swaps: int, rng: np.random.Generator, *, widest: int = 1) -> Iterator[np.ndarray]:
    """Draw how many rows of each cell are swapped, in blocks of shape (some, n_cells)."""
    block = max(1, NUMBERS_AT_ONCE // (len(rows) * widest))
    for start in range(0, swaps, block):
        shape = (min(block, swaps - start), len(rows))
        # One random bit per cell is ten times cheaper than a binomial number.
        coins = rng.integers(0, 2, shape, np.int8) if rows.max() == 1 else rng.binomial(rows, 0.5, shape)
        yield coins.astype(np.float64)


def _draw(
    rows: np.ndarray, resamples: int, rng: np.random.Generator, *, widest: int = 1, whole: bool = False
) -> Iterator[np.ndarray]:
    """Draw how much each cell counts, in blocks of shape (some, n_cells); each line sums to the number of rows.

    Weights, or with `whole` counts of copies: `resampling` says which of the two a metric needs.
    """
    block = max(1, NUMBERS_AT_ONCE // (len(rows) * widest))
    for start in range(0, resamples, block):
        yield drawn_counts(rows, min(block, resamples - start), rng, whole=whole).astype(np.float64)


def paired_samples(
    metric: Metric,
    truth: Sequence[Any],
    answers: Sequence[Sequence[Any]],
    *,
    resamples: int = 1000,
    random_state: int = 0,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Give the metric of each set of answers on each bootstrap sample of the rows.

    Parameters
    ----------
    truth : sequence with one element per row
        Label codes for accuracy and macro-F1.
    answers : sequence of sequences
        Each as long as `truth`.
    groups : ndarray of int of shape (n_rows,), default=None
        Rows of one group are drawn together; None: every row by itself.

    Returns
    -------
    ndarray of shape (n_sets, resamples)
        Columns are paired: one column is one sample of rows.
    """
    n_rows, n_sets = check_rows(truth, *answers), len(answers)
    codes = group_codes(groups, n_rows)
    rng = np.random.default_rng(random_state)
    if metric in METRICS and metric != "accuracy":
        sets = [np.asarray(one) for one in answers]
        return resampled(str(metric), np.asarray(truth), *sets, resamples=resamples, rng=rng, groups=codes)
    found = HITS if metric == "accuracy" else find_measure(metric)
    if found.is_relative:
        tables = [found.statistics(truth, one) for one in answers]
    else:  # One table, as the labels that have columns may depend on the answers.
        concatenated = [answer for one in answers for answer in one]
        tables = np.split(found.statistics(list(truth) * n_sets, concatenated), n_sets)
    return bootstrap_values(found, *gather_units(found, tables, codes), resamples=resamples, rng=rng)
