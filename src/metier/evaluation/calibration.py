"""Whether a probability of 0.9 is right nine times in ten, and the one number that mends it."""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from metier.errors import EmptyDataError

# A probability of 0 for the truth would make one row's loss infinite; no sample of rows can justify that.
SMALLEST_PROBABILITY = 1e-12
# Between them lie margins of a linear SVC (about 0.1) and logits of an overfitted network (about 5).
COLDEST, HOTTEST = 1e-3, 1e3


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative natural logarithm of the probability that was given to the true label; 0 is perfect."""
    probabilities, truth = _check(probabilities, truth)
    given = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean())


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Find the temperature that makes softmax(logits / temperature) most likely (Guo et al., 2017).

    Where every row is right, any colder temperature is likelier still and the fit has no end; Platt's
    targets [1]_ (a true label's share is (n + 1) / (n + 2)) stand in, as if one more row had been seen and were
    wrong.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_classes)
        Scores, or logarithms of probabilities.
    truth : ndarray of int of shape (n_rows,)

    References
    ----------
    .. [1] Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    logits, truth = _check(logits, truth)
    n_rows, n_classes = logits.shape
    rows = np.arange(n_rows)
    all_right = bool((logits.argmax(axis=1) == truth).all())
    doubt = 1 / (n_rows + 2) if all_right else 0.0

    def loss(log_temperature: float) -> float:
        log_probabilities = log_softmax(logits / np.exp(log_temperature), axis=1)
        true_ones = log_probabilities[rows, truth]
        if not doubt:
            return float(-true_ones.mean())
        others = (log_probabilities.sum(axis=1) - true_ones) / max(n_classes - 1, 1)
        return float(-((1 - doubt) * true_ones + doubt * others).mean())

    # The loss is convex in 1 / temperature, so it has one valley along the logarithm too.
    found = minimize_scalar(
        loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def calibration_error(probabilities: np.ndarray, truth: np.ndarray, *, bins: int = 15) -> float:
    """Expected calibration error, 0 to 1: mean gap between confidence and accuracy (Guo et al., 2017).

    Bins are of equal width and weigh as many rows as they hold.
    """
    return mean_gap(reliability(probabilities, truth, bins=bins))


def reliability(probabilities: np.ndarray, truth: np.ndarray, *, bins: int = 10) -> list[dict[str, Any]]:
    """Confidence against accuracy in bins of equal width; empty bins are left out.

    Returns
    -------
    list of {"low", "high", "confidence", "accuracy", "rows"}
        `confidence` is the mean of the highest probability over the bin's rows, which lie in (low, high].
    """
    probabilities, truth = _check(probabilities, truth)
    return bin_confidence(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth, bins=bins)


def bin_confidence(confidence: np.ndarray, right: np.ndarray, *, bins: int) -> list[dict[str, Any]]:
    """Put answers with one confidence each into bins of equal width, as `reliability` gives them."""
    edges = np.linspace(0, 1, bins + 1)
    # Right-closed bins, so that a confidence of exactly 1 has one.
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    return [
        {
            "low": float(edges[cell]),
            "high": float(edges[cell + 1]),
            "confidence": float(confidence[index == cell].mean()),
            "accuracy": float(right[index == cell].mean()),
            "rows": int(np.sum(index == cell)),
        }
        for cell in np.unique(index)
    ]


def mean_gap(cells: list[dict[str, Any]]) -> float:
    """Mean gap between confidence and accuracy of the bins of `reliability`, weighted by their rows."""
    rows = sum(cell["rows"] for cell in cells)
    return float(sum(cell["rows"] / rows * abs(cell["confidence"] - cell["accuracy"]) for cell in cells))


def _check(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores, truth = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.int64)
    if len(scores) != len(truth):
        raise ValueError(
            f"Expected scores for every row, found {len(scores)} rows of scores and {len(truth)} true labels. "
            "Give both for the same rows."
        )
    if len(truth) == 0:
        raise EmptyDataError("There are no rows to calibrate on. Give at least one row with its true label.")
    return scores, truth
