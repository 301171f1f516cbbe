"""What the epochs of a method that answers with labels are compared by."""

from typing import Any, Protocol

import numpy as np

from metier.evaluation.calibration import SMALLEST_PROBABILITY, fit_temperature
from metier.evaluation.metrics import accuracy
from metier.evaluation.softmax import softmax
from metier.training.batching import TokenisedRows


class GivesLogits(Protocol):
    """A model that answers rows without learning."""

    def logits(self, rows: TokenisedRows) -> Any:
        """Give logits of shape (n_rows, n_classes)."""
        ...


def score_labels(model: GivesLogits, rows: TokenisedRows) -> dict[str, float]:
    """Give the log-loss at the best temperature as the score, since accuracies of neighbours tie.

    Returns
    -------
    dict
        `accuracy`, `log_loss`, `score` (more is better) and `score_error`, its standard error.
    """
    assert rows.truth is not None
    logits = model.logits(rows)
    given = softmax(logits / fit_temperature(logits, rows.truth))[np.arange(len(rows)), rows.truth]
    losses = -np.log(np.maximum(given, SMALLEST_PROBABILITY))
    return {
        "accuracy": accuracy(rows.truth, logits.argmax(axis=1)),
        "log_loss": float(losses.mean()),
        "score": -float(losses.mean()),
        "score_error": float(losses.std() / np.sqrt(len(losses))),
    }
