"""What a learner of weights is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

Setting = Mapping[str, Any]


@dataclass(frozen=True)
class LinearModel:
    """Logits of features x are x @ weights + bias.

    Parameters
    ----------
    weights : ndarray of shape (n_columns, n_logits)
    bias : ndarray of float64 of shape (n_logits,)
    """

    weights: np.ndarray
    bias: np.ndarray

    def logits(self, matrix: Any) -> np.ndarray:
        """Give the logits of some rows, an ndarray of shape (n_rows, n_logits)."""
        return np.asarray(matrix @ self.weights) + self.bias


class Learner(Protocol):
    """Learns weights from features, by one of some settings."""

    is_random: ClassVar[bool]

    def settings(self, *, n_numbers: int, n_logits: int) -> Sequence[Setting]:
        """Give the settings worth trying, the one to take untried first.

        Parameters
        ----------
        n_numbers : int
            Numbers in the training matrix that are not zero.
        """
        ...

    def train(
        self,
        matrix: Any,
        truth: np.ndarray,
        setting: Setting,
        *,
        n_logits: int,
        seed: int,
        weights: np.ndarray | None = None,
    ) -> LinearModel:
        """Learn from features and their truth, as the answer kind has it.

        Parameters
        ----------
        matrix : csr_matrix or ndarray of shape (n_rows, n_columns)
        weights : ndarray of shape (n_rows,), optional
            How much each row counts; None: all alike.
        """
        ...


def two_sided(weights: np.ndarray, bias: np.ndarray) -> LinearModel:
    """Give a model with a column for each class; two classes come as one column.

    Half of it on either side keeps the softmax of both a sigmoid.
    """
    if weights.shape[1] > 1:
        return LinearModel(weights, bias)
    return LinearModel(np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2)


def spread_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give mean and scale of each column of dense numbers; a column that never moves has an infinite scale."""
    mean, scale = matrix.mean(axis=0), matrix.std(axis=0)
    return mean, np.where(scale > 1e-9, scale, np.inf)
