"""Calibration: log-loss, calibration error, and the temperature that corrects probabilities."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from metier.errors import EmptyDataError

# A probability of 0 for the true label would make the loss of one row infinite.
SMALLEST_PROBABILITY = 1e-12
# Typical values: about 0.1 for the logits of a linear SVC, about 5 for those of an overfitted network.
COLDEST, HOTTEST = 1e-3, 1e3
TEMPERATURES_TRIED = 28
# Of the logarithm of the temperature, before any row is seen. By simulation with true temperatures .1 to 2 the best of
# normal and Cauchy distributions of several widths at 20 to 100 rows.
PRIOR_SCALE = 0.5
# A temperature is fitted on no more numbers than this, but on so many rows.
MOST_NUMBERS, FEWEST_ROWS = 10_000_000, 1_000


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative natural logarithm of the probability of the true label; 0 is perfect."""
    probabilities, truth = _check(probabilities, truth)
    given = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean())


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Find the most probable temperature of softmax(logits / temperature) (Guo et al., 2017), from few rows near 1.

    Twenty rows say little: the likeliest temperature of 29 rows made log-loss on others far worse than none. A prior
    holds it near 1 unless rows say otherwise, a Cauchy distribution of its logarithm: its heavy tails let the margins
    of a linear SVC have their 0.1. At a thousand rows it changes nothing. If every row is correct, the likelihood grows
    without bound as the temperature falls, and the prior ends that too.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_classes)
        Scores, or logarithms of probabilities.
    truth : ndarray of int of shape (n_rows,)
    """
    logits, truth = _check(logits, truth)
    kept = _enough(*logits.shape)
    logits, truth = logits[kept], truth[kept]
    # Thousands of labels make arrays of gigabytes: one is written over for each temperature.
    below = logits - logits.max(axis=1, keepdims=True)
    of_truth = below[np.arange(len(truth)), truth].mean()
    scaled = np.empty_like(below)

    def loss(log_temperature: float) -> float:
        np.multiply(below, np.exp(-log_temperature), out=scaled)
        np.exp(scaled, out=scaled)
        likelihood = of_truth * np.exp(-log_temperature) - np.log(scaled.sum(axis=1)).mean()
        return float(-likelihood) + _prior(log_temperature) / len(truth)

    return _minimise(loss)


def _enough(n_rows: int, n_classes: int) -> slice:
    """Give evenly spaced rows, all of them where they are not far more numbers than the one that is sought needs."""
    most = max(FEWEST_ROWS, MOST_NUMBERS // max(1, n_classes))
    return slice(None, None, -(-n_rows // most) if n_rows > most else 1)


def _prior(log_temperature: float) -> float:
    """Give the negative logarithm of how probable a temperature is, but for a constant."""
    return float(np.log1p((log_temperature / PRIOR_SCALE) ** 2))


def _minimise(loss: Callable[[float], float]) -> float:
    """Minimise a loss over the logarithm of the temperature."""
    # With the prior there may be two minima: near 1, and where the rows are.
    tried = np.linspace(np.log(COLDEST), np.log(HOTTEST), TEMPERATURES_TRIED)
    best = int(np.argmin([loss(one) for one in tried]))
    step = tried[1] - tried[0]
    found = minimize_scalar(
        loss, bounds=(tried[best] - step, tried[best] + step), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def fit_grade_temperature(
    logits: np.ndarray, truth: np.ndarray, *, probabilities: Callable[[np.ndarray], np.ndarray]
) -> float:
    """Find the most probable temperature of grades (ordinal labels) for `probabilities(logits / temperature)`.

    Few rows leave it near 1, as in `fit_temperature`.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_grades - 1)
    truth : ndarray of int of shape (n_rows,)
    probabilities : callable
        From logits of that shape to probabilities of shape (n_rows, n_grades).
    """
    if len(truth) == 0:
        raise EmptyDataError("There are no rows to calibrate on. Give at least one row with its true grade.")

    def loss(log_temperature: float) -> float:
        given = probabilities(logits / np.exp(log_temperature))
        return log_loss(given, truth) + _prior(log_temperature) / len(truth)

    return _minimise(loss)


def calibration_error(probabilities: np.ndarray, truth: np.ndarray, *, bins: int = 15) -> float:
    """Expected calibration error, 0 to 1: mean gap between confidence and accuracy (Guo et al., 2017).

    Bins are of equal width, weighted by their number of rows.
    """
    return mean_gap(reliability(probabilities, truth, bins=bins))


def calibration_error_by_chance(
    probabilities: np.ndarray, *, bins: int = 15, samples: int = 200, random_state: int = 0
) -> float:
    """Give the calibration error that a perfectly calibrated model would show on so many rows, on average.

    Few rows in a bin differ from their confidence by luck: beside 0.08 on 100 rows, 0.07 by chance says that nothing is
    wrong. Rows are drawn right with the probability of their answer.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
    """
    confidence = np.asarray(probabilities, dtype=np.float64).max(axis=1)
    rng = np.random.default_rng(random_state)
    drawn = [
        mean_gap(bin_confidence(confidence, rng.random(len(confidence)) < confidence, bins=bins))
        for _ in range(samples)
    ]
    return float(np.mean(drawn))


def reliability(probabilities: np.ndarray, truth: np.ndarray, *, bins: int = 10) -> list[dict[str, Any]]:
    """Confidence against accuracy in bins of equal width; empty bins are omitted.

    Returns
    -------
    list of {"low", "high", "confidence", "accuracy", "rows"}
        `confidence` is the mean of the highest probability over the bin's rows, which lie in (low, high].
    """
    probabilities, truth = _check(probabilities, truth)
    return bin_confidence(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth, bins=bins)


def bin_confidence(confidence: np.ndarray, correct: np.ndarray, *, bins: int) -> list[dict[str, Any]]:
    """Bin answers by confidence into bins of equal width, as in `reliability`."""
    edges = np.linspace(0, 1, bins + 1)
    # Bins are closed on the right, so that a confidence of exactly 1 has a bin.
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    return [
        {
            "low": float(edges[cell]),
            "high": float(edges[cell + 1]),
            "confidence": float(confidence[index == cell].mean()),
            "accuracy": float(correct[index == cell].mean()),
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
