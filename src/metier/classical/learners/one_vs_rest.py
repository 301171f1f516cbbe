"""A linear model a label, each label against all rows without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_matrix

from metier.classical.learners.learner import LinearModel, Setting
from metier.classical.learners.svc_or_logistic import SvcOrLogistic

CONSTANT_LOGIT = 1.0  # Of a label that all rows have, or none.


@dataclass(frozen=True)
class OneVsRest:
    """A model for each label of sets; see `Learner`.

    Parameters
    ----------
    each : SvcOrLogistic
        What tells rows with a label from those without it.
    """

    each: SvcOrLogistic

    is_random: ClassVar[bool] = True

    def settings(self, *, n_numbers: int, n_logits: int) -> Sequence[Setting]:
        """Give the settings of each label's model."""
        return self.each.settings(n_numbers=n_numbers, n_logits=n_logits)

    def train(
        self,
        matrix: csr_matrix,
        truth: np.ndarray,
        setting: Setting,
        *,
        n_logits: int,
        seed: int,
        weights: np.ndarray | None = None,
    ) -> LinearModel:
        """Train one model a label; its logit is above 0 where the label is likelier than not.

        Parameters
        ----------
        truth : ndarray of bool of shape (n_rows, n_labels)
        """
        columns, bias = np.zeros((matrix.shape[1], n_logits), dtype=np.float32), np.zeros(n_logits)
        for column, own in enumerate(truth.astype(np.int64).T):
            if own.min() == own.max():
                bias[column] = CONSTANT_LOGIT if own[0] else -CONSTANT_LOGIT
                continue
            trained = self.each.train(matrix, own, setting, n_logits=2, seed=seed, weights=weights)
            columns[:, column] = trained.weights[:, 1] - trained.weights[:, 0]
            bias[column] = trained.bias[1] - trained.bias[0]
        return LinearModel(columns, bias)
