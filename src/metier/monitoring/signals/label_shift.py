"""How the shares of labels have changed, by the answers alone: corrected for what the model mistakes for what.

The shares that make the new answers most likely, if texts of a label are as they were [1]_: each step weighs probabilities
by the shares so far, and takes their means. Shares of answers follow the model's errors; these do not.

References
----------
.. [1] Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", 2002;
   Alexandari, Kundaje and Shrikumar, "Maximum likelihood with bias-corrected calibration is hard-to-beat at label shift
   adaptation", 2020.
"""

from dataclasses import dataclass

import numpy as np

STEPS, SETTLED = 500, 1e-7
DRAWS = 200


@dataclass(frozen=True)
class LabelShares:
    """Shares of labels among new rows.

    Parameters
    ----------
    before, now, low, high : ndarray of shape (n_labels,)
        Shares among the labelled rows, the estimate, and its 95 % interval.
    answered : ndarray of shape (n_labels,)
        Shares of the answers, as they are.
    """

    before: np.ndarray
    now: np.ndarray
    low: np.ndarray
    high: np.ndarray
    answered: np.ndarray


def label_shares(probabilities: np.ndarray, before: np.ndarray, *, random_state: int = 0) -> LabelShares:
    """Estimate the shares of labels.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
        Calibrated, of the new rows.
    before : ndarray of shape (n_labels,)
        Shares of the rows that they were calibrated on, above 0.
    """
    random, n_rows = np.random.default_rng(random_state), len(probabilities)
    now = _settled(probabilities, before)
    drawn = np.array(
        [_settled(probabilities[random.integers(n_rows, size=n_rows)], before) for _ in range(DRAWS)]
    )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    answered = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1]) / n_rows
    return LabelShares(before, now, low, high, answered)


def _settled(probabilities: np.ndarray, before: np.ndarray) -> np.ndarray:
    shares = before.copy()
    for _ in range(STEPS):
        weighed = probabilities * (shares / before)
        moved = (weighed / weighed.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(moved - shares).max() < SETTLED:
            return np.asarray(moved)
        shares = moved
    return np.asarray(shares)
