"""The bootstrap over cells instead of rows.

Rows with the same truth and the same answers are exchangeable, so they form one cell. A bootstrap sample is
then one multinomial draw of cell counts, and the metric is computed from the counts: thousands of resamples
take milliseconds and no row is copied. With paired answers a cell is (truth, answer of a, answer of b),
which keeps the pairing. Where rows belong together, whole groups are drawn, and the counts of their cells add up.

The Bayesian bootstrap [1]_ draws a random weight of mean 1 for each row instead of a count of copies. Of
few errors its samples have the skewness that exact binomial limits have. Means over labels and correlations need the
counts: where a label has one row, no weight of it changes its F1, and only samples without that row show how uncertain
it is.

References
----------
.. [1] Rubin, "The Bayesian bootstrap", 1981.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

# Counts in memory at once, 8 bytes each: 32 MB for any number of rows and labels.
COUNTS_AT_ONCE = 4_000_000
EXACT_BELOW = 1 << 23  # Twice as many rows are whole numbers of 24 bits, which single precision holds.


@dataclass(frozen=True)
class Cells:
    """Distinct combinations of truth and answers, and how many rows each has.

    Parameters
    ----------
    truth : ndarray of int of shape (n_cells,)
    answers : tuple of ndarray of int of shape (n_cells,)
        One array for each set of answers that was given.
    rows : ndarray of int of shape (n_cells,)
    of_groups : sparse array of shape (n_groups, n_cells), default=None
        How many rows of each group are in each cell; None: every row is its own group.
    """

    truth: np.ndarray
    answers: tuple[np.ndarray, ...]
    rows: np.ndarray
    of_groups: csr_array | None = None

    def resample(self, resamples: int, rng: np.random.Generator, *, whole: bool = True) -> Iterator[np.ndarray]:
        """Draw samples: blocks of shape (some, n_cells) of cell counts, or of weights unless `whole`."""
        for some in self._blocks(resamples):
            if self.of_groups is None:
                yield drawn_counts(self.rows, some, rng, whole=whole)
            else:
                ones = np.ones(self.of_groups.shape[0], dtype=np.int64)
                yield drawn_counts(ones, some, rng, whole=whole) @ self.of_groups

    def swap(self, swaps: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Toss a coin for every row or group: blocks of shape (some, n_cells), how many rows of a cell are swapped."""
        for some in self._blocks(swaps):
            if self.of_groups is None:
                yield rng.binomial(self.rows, 0.5, size=(some, len(self.rows)))
            else:
                yield rng.integers(0, 2, (some, self.of_groups.shape[0])) @ self.of_groups

    def _blocks(self, draws: int) -> Iterator[int]:
        widest = len(self.rows) if self.of_groups is None else max(self.of_groups.shape)
        block = max(1, COUNTS_AT_ONCE // widest)
        for start in range(0, draws, block):
            yield min(block, draws - start)


def drawn_counts(rows: np.ndarray, samples: int, rng: np.random.Generator, *, whole: bool) -> np.ndarray:
    """Draw how much cells with so many rows count: shape (samples, n_cells), each line sums to the number of rows."""
    n_rows = int(rows.sum())
    if whole:
        return rng.multinomial(n_rows, rows / n_rows, size=samples)
    shape = (samples, len(rows))
    weights = rng.standard_exponential(shape) if rows.max() == 1 else rng.standard_gamma(rows, shape)
    weights *= n_rows / weights.sum(axis=1, keepdims=True)
    return weights


def gather_cells(truth: np.ndarray, *answers: np.ndarray, groups: np.ndarray | None = None) -> Cells:
    """Count the distinct combinations of truth and answers, each an int array of shape (n_rows,).

    `groups` are the codes of rows that are drawn together, from 0.
    """
    kinds, cell_of_row, rows = np.unique(
        np.column_stack([truth, *answers]), axis=0, return_inverse=True, return_counts=True
    )
    columns = kinds.T
    of_groups = None
    if groups is not None:
        shape = (int(groups.max()) + 1, len(rows))
        of_groups = csr_array(
            (np.ones(len(groups), dtype=np.int64), (groups, cell_of_row.ravel())), shape=shape
        )
    return Cells(columns[0], tuple(columns[1:]), rows, of_groups)


def gather_hits(truth: np.ndarray, *answers: np.ndarray, groups: np.ndarray | None = None) -> Cells:
    """Count only the combinations of correct and wrong answers, which is enough for accuracy: at most 2^m cells.

    A correct answer is 1 against a truth of 1, a wrong one 0.
    """
    hits = ((truth == answer).astype(np.int64) for answer in answers)
    return gather_cells(np.ones_like(truth), *hits, groups=groups)


def _accuracy(truth: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return counts @ (truth == predicted) / counts.sum(axis=1)


def _macro_f1(truth: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return _macro_f1_with(truth, predicted, counts, 0.0)


def _shrunk_macro_f1(truth: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Give macro-F1 with one more row of each label, as well answered as all rows are on average."""
    return _macro_f1_with(truth, predicted, counts, 1.0)


def _macro_f1_with(truth: np.ndarray, predicted: np.ndarray, counts: np.ndarray, further: float) -> np.ndarray:
    correct = truth == predicted
    labels = np.union1d(truth, predicted)
    by_cell = _by_cell(counts)
    cells = np.arange(len(truth))
    both = np.concatenate([truth, predicted])
    n_rows = np.asarray(_members(both, np.tile(cells, 2), labels, len(cells)) @ by_cell, dtype=np.float64)
    # Of rows with that truth and that answer, both are counted.
    hits = _members(truth[correct], cells[correct], labels, len(cells))
    twice_correct = 2 * np.asarray(hits @ by_cell, dtype=np.float64)
    occurs = n_rows > 0
    n_labels = occurs.sum(axis=0)
    if further:
        accuracy = counts @ correct / counts.sum(axis=1)
        twice_correct += 2 * further * accuracy
        n_rows += 2 * further
    # A label that is not in a resample is excluded from its mean, as in a sample.
    f1 = np.divide(twice_correct, n_rows, out=twice_correct, where=occurs)
    return f1.sum(axis=0, where=occurs) / n_labels


def _by_cell(counts: np.ndarray) -> np.ndarray:
    """Give counts with a line for each cell, in single precision where whole numbers are exact in it."""
    is_exact = counts.dtype.kind == "i" and counts.shape[1] and counts[0].sum() < EXACT_BELOW
    return np.ascontiguousarray(counts.T, dtype=np.float32 if is_exact else np.float64)


def _members(by: np.ndarray, cells: np.ndarray, labels: np.ndarray, n_cells: int) -> csr_array:
    """Say which cells have each label: shape (n_labels, n_cells)."""
    places = (np.searchsorted(labels, by), cells)
    return csr_array((np.ones(len(by), np.float32), places), shape=(len(labels), n_cells))


# The metrics of metrics.METRICS and what their intervals need, on blocks of cell counts: (truth, predicted, counts) -> one
# value per resample.
ON_COUNTS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "shrunk_macro_f1": _shrunk_macro_f1,
}


def resampled(
    metric: str | tuple[str, ...],
    truth: np.ndarray,
    *answers: np.ndarray,
    resamples: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Give the metric of each set of answers on each bootstrap sample of the rows, or of whole groups.

    Returns
    -------
    ndarray of shape (n_answers, resamples)
        Columns are paired: one column is one sample of rows. With several metrics, those of the first set come first.
    """
    names = (metric,) if isinstance(metric, str) else metric
    gather = gather_hits if names == ("accuracy",) else gather_cells
    cells = gather(truth, *answers, groups=groups)
    blocks = [
        np.stack([ON_COUNTS[name](cells.truth, answer, counts) for answer in cells.answers for name in names])
        for counts in cells.resample(resamples, rng, whole=names != ("accuracy",))
    ]
    return np.concatenate(blocks, axis=1)
