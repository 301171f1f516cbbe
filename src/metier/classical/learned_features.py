"""Features that linear methods learn from items before fitting weights: the vocabulary, and the matrices of the rows.

What a model is chosen by is counted as it will be met in service: with a vocabulary that has not seen the row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix

from metier.predictors.linear.linear_predictor import Features
from metier.progress import Listener
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples

Fold = tuple[np.ndarray, np.ndarray]  # Positions to learn from, and to choose on.
MOST_WEIGHTS = 40_000_000  # Columns times logits: 320 MB while training, half of that afterwards.


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
