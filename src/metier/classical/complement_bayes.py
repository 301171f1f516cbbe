"""Complement naive Bayes (Rennie et al., "Tackling the poor assumptions of naive Bayes text classifiers", 2003).

A label's weights are what the rows of all other labels hold of each column, so that a label of few rows is known well. It
counts each row once, however many labels there are, where a linear model makes a model for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_matrix

from metier.classical.learners import MOST_WORK, Learner, LinearModel, Setting, TrainingRows

BAYES = "naive_bayes"
# Numbers in the matrix times labels: one linear model a label then takes two minutes and more on one core.
MOST_ONE_WORK = 5 * MOST_WORK
# And of labels with so few numbers each, as product codes have them, fewer rows would leave some labels none.
FEW_NUMBERS_A_LABEL = 2_000
SMOOTHING = 1.0


@dataclass(frozen=True)
class BayesOfVeryManyLabels:
    """A learner, and naive Bayes in its place where there are too many labels for it; see `Learner`.

    Parameters
    ----------
    usual : Learner
    model : str or None
        "naive_bayes": in any case. None: to be chosen. Anything else: the usual learner's.
    """

    usual: Learner
    model: str | None = None

    is_random: ClassVar[bool] = True

    def settings(self, *, n_numbers: int, n_logits: int) -> Sequence[Setting]:
        """Give naive Bayes alone, or the settings of the usual learner."""
        is_much = n_numbers * n_logits > MOST_ONE_WORK and n_numbers < FEW_NUMBERS_A_LABEL * n_logits
        if self.model == BAYES or (self.model is None and is_much):
            return [{"model": BAYES}]
        return self.usual.settings(n_numbers=n_numbers, n_logits=n_logits)

    def train(self, rows: TrainingRows, setting: Setting) -> LinearModel:
        """Train what the setting says."""
        return train_bayes(rows) if setting["model"] == BAYES else self.usual.train(rows, setting)


def train_bayes(rows: TrainingRows) -> LinearModel:
    """Give the weights of complement naive Bayes, in single precision: of thousands of labels they take the memory.

    The truth is the number of each row's label. The logits of a row all hold one number besides what tells labels apart.
    """
    n_rows, n_columns = rows.matrix.shape
    counted = np.ones(n_rows) if rows.weights is None else rows.weights
    of_label = csr_matrix((counted, (rows.truth, np.arange(n_rows))), shape=(rows.n_logits, n_rows))
    counts = (of_label @ rows.matrix).astype(np.float32)
    weights = np.empty((rows.n_logits, n_columns), dtype=np.float32)
    weights[:] = np.asarray(counts.sum(axis=0)).ravel() + SMOOTHING
    weights -= counts.toarray()
    totals = weights.sum(axis=1, dtype=np.float64, keepdims=True)
    np.log(weights, out=weights)
    np.subtract(np.log(totals), weights, out=weights)
    return LinearModel(weights.T, np.zeros(rows.n_logits))
