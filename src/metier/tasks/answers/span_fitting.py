"""What has to be chosen on validation to turn tags into spans: how many to find, and how sure to be of them."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from metier.evaluation.entity_measures import entity_f1
from metier.tasks.answers.bio import Span
from metier.tasks.answers.scored_spans import SpanCalibration, log_odds
from metier.tasks.answers.spans import Run

BIASES = (0.0, -0.5, -1.0, -1.5, -2.0, -2.5, -3.0, -3.5, -4.0, 0.5, 1.0)
# A bias has to gain this much F1 on validation over none: smaller gains are luck.
SMALLEST_GAIN = 0.003
PRIOR_ROWS = 1.0  # Weight of the belief in slope 1 and intercept 0, in spans.


def fit_calibration(evidence: Sequence[float], right: Sequence[bool]) -> SpanCalibration:
    """Fit the line through the log-odds that makes the spans' probabilities most probable.

    Parameters
    ----------
    evidence : sequence of float
        Logarithm of what the method calls the probability of each span.
    right : sequence of bool
        Whether the span is one of the true ones.
    """
    if len(evidence) == 0:
        return SpanCalibration()
    odds = np.array([log_odds(value) for value in evidence])
    truth = np.asarray(right, dtype=np.float64)

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        logits = line[0] * odds + line[1]
        apart = line - np.array([1.0, 0.0])
        wrong = expit(logits) - truth
        value = np.logaddexp(0, logits).sum() - truth @ logits + PRIOR_ROWS * apart @ apart / 2
        return float(value), np.array([wrong @ odds, wrong.sum()]) + PRIOR_ROWS * apart

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return SpanCalibration(float(found.x[0]), float(found.x[1]))


def choose_bias(truth: Sequence[Sequence[Span]], answer: Callable[[float], Sequence[Sequence[Span]]]) -> float:
    """Choose what is added to the score of O: 0, unless another bias is clearly better by the F1 of spans.

    Parameters
    ----------
    truth : sequence of lists of [start, end, label]
    answer : callable
        From a bias to the spans that are found with it.
    """
    scores = {bias: entity_f1(truth, answer(bias)) for bias in BIASES}
    best = max(scores, key=lambda bias: scores[bias])
    return best if scores[best] >= scores[0.0] + SMALLEST_GAIN else 0.0


def calibrate(
    truth: Sequence[Sequence[Span]],
    offsets: Sequence[np.ndarray],
    runs: Sequence[Sequence[Run]],
    labels: Sequence[str],
) -> SpanCalibration:
    """Fit the probabilities of the spans that were found.

    Parameters
    ----------
    truth : sequence of lists of [start, end, label]
    offsets : sequence of ndarray of int of shape (n_tokens, 2)
    runs : sequence of lists of (first token, token after the last, number of the label, evidence)
    """
    evidence, right = [], []
    for true, at, some in zip(truth, offsets, runs, strict=True):
        known = {tuple(span) for span in true}
        for first, stop, label, value in some:
            evidence.append(value)
            right.append((int(at[first, 0]), int(at[stop - 1, 1]), labels[label]) in known)
    return fit_calibration(evidence, right)
