"""Features that linear methods learn from items before fitting weights: the vocabulary, and the matrices of the rows.

What a model is chosen by is counted as it will be met in service: with a vocabulary that has not seen the row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix

from metier.predictors.linear.linear_predictor import Features
from metier.progress import Listener, ignore
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples

Fold = tuple[np.ndarray, np.ndarray]  # Positions to learn from, and to choose on.
MOST_WEIGHTS = 40_000_000  # Columns times logits: 320 MB while training, half of that afterwards.
# How many columns some rows have, and twice as many, tells how many more there are with more rows.
SAMPLED_ROWS = (150, 300)
BYTES_OF_A_WEIGHT = 12  # Of double precision while training, and of single precision as it is kept.
BYTES_OF_A_NUMBER = 24  # Its value and its place, and the copy that the solver makes.
BYTES_OF_A_WORD = 150  # What stands for a column while the vocabulary is learned.


@dataclass(frozen=True)
class Counted:
    """Training rows as numbers.

    Parameters
    ----------
    features : Features
        What answers with them.
    matrix : csr_matrix or ndarray of shape (n_rows, n_columns)
    """

    features: Features
    matrix: Any


class FeatureLearner(Protocol):
    """Learns features from training rows, and counts rows with them."""

    def sample(self, examples: Examples, random: np.random.RandomState) -> Examples:
        """Give the examples, or as many of them as fit in memory."""
        ...

    def n_sampled(self, examples: Examples) -> int:
        """Give about how many of the examples `sample` gives."""
        ...

    def read(self, items: Sequence[Any], *, name: str, listener: Listener) -> Sequence[Any]:
        """Give what is read of each item once, whatever is learned of it afterwards."""
        ...

    def folds(self, examples: Examples, answer: Decodable, random: np.random.RandomState) -> list[Fold]:
        """Give the rows to learn from and to choose on where no validation rows are given."""
        ...

    def count(self, found: Sequence[Any], folds: Sequence[Fold], *, n_logits: int) -> Counted:
        """Learn the features of what was read, and count it."""
        ...

    def matrix(self, features: Any, found: Sequence[Any]) -> Any:
        """Count what was read of other rows."""
        ...

    def splits(
        self, counted: Counted, found: Sequence[Any], folds: Sequence[Fold], *, n_logits: int
    ) -> Iterator[tuple[Any, Any]]:
        """Give the matrices to learn from and to choose on, a pair for each fold."""
        ...


def as_csr(vectors: Iterable[tuple[np.ndarray, np.ndarray]], n_columns: int) -> csr_matrix:
    """Give sparse vectors, (columns, values) each, as a matrix of shape (n_rows, n_columns)."""
    ends, columns, values = [0], [], []
    for row_columns, row_values in vectors:
        columns.append(row_columns.astype(np.int32))
        values.append(row_values)
        ends.append(ends[-1] + len(row_columns))
    parts = np.concatenate(values), np.concatenate(columns), np.array(ends, dtype=np.int64)
    return csr_matrix(parts, shape=(len(columns), n_columns))


def taken(found: Sequence[Any], positions: np.ndarray) -> list[Any]:
    """Give what was read of the rows at these positions."""
    return [found[position] for position in positions.tolist()]


def fit_bytes(learner: FeatureLearner, items: Sequence[Any], *, n_logits: int) -> int:
    """Give the bytes that a fit on items takes at its peak: the vocabulary, the matrix and its copy, the weights.

    Columns grow with a power of the rows (Heaps, 1978), which two samples tell.
    """
    samples = [evenly_taken(items, size) for size in SAMPLED_ROWS]
    found = [
        learner.count(learner.read(some, name="", listener=ignore), (), n_logits=n_logits).matrix
        for some in samples
    ]
    columns = [max(1, matrix.shape[1]) for matrix in found]
    growth = np.log2(columns[1] / columns[0]) if len(samples[1]) > len(samples[0]) else 0.0
    n_columns = columns[1] * (len(items) / max(1, len(samples[1]))) ** min(1.0, max(0.0, growth))
    numbers = n_numbers(found[1]) * len(items) / max(1, len(samples[1]))
    weights = min(n_columns * n_logits, MOST_WEIGHTS)
    return int(n_columns * BYTES_OF_A_WORD + numbers * BYTES_OF_A_NUMBER + weights * BYTES_OF_A_WEIGHT)


def numbers_of_all(learner: FeatureLearner, items: Sequence[Any], *, n_logits: int) -> int:
    """Give how many numbers the matrix of items holds, by those of some."""
    some = evenly_taken(items, SAMPLED_ROWS[-1])
    counted = learner.count(learner.read(some, name="", listener=ignore), (), n_logits=n_logits)
    return int(n_numbers(counted.matrix) * len(items) / max(1, len(some)))


def evenly_taken(items: Sequence[Any], most: int) -> list[Any]:
    """Give at most so many items, evenly: files are often sorted."""
    return [items[position] for position in np.linspace(0, len(items) - 1, min(most, len(items))).astype(int)]


def n_numbers(matrix: Any) -> int:
    """Give how many numbers a matrix holds."""
    return int(matrix.size if isinstance(matrix, np.ndarray) else matrix.nnz)
