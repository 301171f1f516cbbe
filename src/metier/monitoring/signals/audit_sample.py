"""The accuracy of a stream by a small random sample of it that was labelled: unbiased, whatever has changed.

The interval is that of Clopper and Pearson (1934), which holds for any number of labels; it needs no assumption but that
the sample was drawn by chance. Rows that were chosen because the model is unsure say nothing here.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv


@dataclass(frozen=True)
class AuditedAccuracy:
    """Accuracy of a labelled random sample, 0 to 1, with its 95 % interval."""

    value: float
    low: float
    high: float
    labelled: int


def audited_accuracy(correct: np.ndarray) -> AuditedAccuracy:
    """Measure a sample; one or more rows.

    Parameters
    ----------
    correct : ndarray of bool of shape (n_labelled,)
    """
    n, right = len(correct), int(np.sum(correct))
    low = float(betaincinv(right, n - right + 1, 0.025)) if right else 0.0
    high = float(betaincinv(right + 1, n - right, 0.975)) if right < n else 1.0
    return AuditedAccuracy(right / n, low, high, n)
