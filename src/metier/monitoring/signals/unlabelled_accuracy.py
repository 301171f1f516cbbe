"""How accurate answers are on rows without labels, by how sure they are: an estimate with its interval and its assumption.

Probabilities are calibrated once more on rows with known labels (a slope and an offset of the log-odds of the answer,
drawn towards none, Platt 1999), and the accuracy of the new rows is the mean of what they then promise: the estimate of
confidence-based performance [1]_. The interval has two parts: labelled rows are drawn anew, which moves the calibration,
and each new answer is right by chance of its probability.

It holds if answers of the same confidence are as often right as before: questions may be other ones (covariate shift), and
labels may be rarer where confidence shows it, but what a text means must not have changed. Nothing in rows without labels
can tell that it has; a small random sample with labels can.

References
----------
.. [1] NannyML, "Confidence-based performance estimation"; Guillory et al., "Predicting with confidence on unseen
   distributions", 2021, compare such estimates.
"""

from dataclasses import dataclass

import numpy as np

DRAWS = 400
STEPS = 25  # Of Newton's method.
PENALTY = 3.0  # On slope and offset, in rows that say neither is needed.
LEAST = 1e-4


@dataclass(frozen=True)
class EstimatedAccuracy:
    """An estimate.

    Parameters
    ----------
    value, low, high : float
        0 to 1; the interval of 95 %.
    rows, labelled : int
        New rows, and the rows with labels that it rests on.
    """

    value: float
    low: float
    high: float
    rows: int
    labelled: int


def estimate_accuracy(
    confidence: np.ndarray, correct: np.ndarray, unlabelled: np.ndarray, *, random_state: int = 0
) -> EstimatedAccuracy:
    """Estimate the accuracy of answers to rows without labels.

    Parameters
    ----------
    confidence : ndarray of shape (n_labelled,)
        Of answers to rows with labels that the model was not trained on, 0 to 1.
    correct : ndarray of bool of shape (n_labelled,)
        Whether each is right.
    unlabelled : ndarray of shape (n_rows,)
        Confidence of the answers to the new rows.
    """
    random = np.random.default_rng(random_state)
    known, right, new = log_odds(confidence), np.asarray(correct, dtype=np.float64), log_odds(unlabelled)
    slope, offset = calibration(known, right)
    value = float(_sigmoid(slope * new + offset).mean())
    drawn = []
    for _ in range(DRAWS):
        rows = random.integers(len(known), size=len(known))
        slope, offset = calibration(known[rows], right[rows])
        drawn.append(float((random.random(len(new)) < _sigmoid(slope * new + offset)).mean()))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return EstimatedAccuracy(value, float(low), float(high), len(new), len(known))


def calibration(log_odds: np.ndarray, correct: np.ndarray) -> tuple[float, float]:
    """Fit the slope and the offset that make log-odds those of being right, drawn towards 1 and 0."""
    at = np.array([1.0, 0.0])
    columns = np.stack([log_odds, np.ones_like(log_odds)], axis=1)
    for _ in range(STEPS):
        chances = _sigmoid(columns @ at)
        gradient = columns.T @ (correct - chances) - PENALTY * (at - np.array([1.0, 0.0]))
        curvature = (columns * (chances * (1 - chances))[:, None]).T @ columns + PENALTY * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        at = at + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    return float(at[0]), float(at[1])


def log_odds(chances: np.ndarray) -> np.ndarray:
    """Give the log-odds of probabilities, kept off 0 and 1."""
    kept = np.clip(np.asarray(chances, dtype=np.float64), LEAST, 1 - LEAST)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def _sigmoid(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-numbers)))
