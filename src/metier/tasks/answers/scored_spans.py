"""Spans with probabilities: what was found, how sure that is, and what validation chooses for both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from metier import evaluation
from metier.evaluation.entity_measures import entity_f1
from metier.tasks.answers.bio import Span

# A span as positions of tokens: the first, the one after the last, the number of its label, its evidence.
Run = tuple[int, int, int, float]
# What may be added to the score of O.
BIASES = (0.0, -0.5, -1.0, -1.5, -2.0, -2.5, -3.0, -3.5, -4.0, 0.5, 1.0)
# A bias has to gain this much F1 on validation over none: smaller gains are luck.
SMALLEST_GAIN = 0.003
# Nothing that was measured on some hundred spans can be surer than this.
SUREST = 1e-6


class ScoredSpan(NamedTuple):
    """A span that was found, and how probable it is that its edges and its label are all right."""

    start: int
    end: int
    label: str
    probability: float

    @property
    def place(self) -> tuple[int, int, str]:
        """What two spans have to share to be the same."""
        return self.start, self.end, self.label


@dataclass(frozen=True)
class SpanCalibration:
    """From the evidence for a span to its probability (Platt, 1999): a line through the log-odds.

    Parameters
    ----------
    slope : float
        0 or more; below 1 where the evidence is too sure of itself.
    intercept : float
    """

    slope: float = 1.0
    intercept: float = 0.0

    def probability(self, evidence: float) -> float:
        """Give the probability, 0 to 1, for the logarithm of what the method itself calls the probability."""
        return float(1 / (1 + np.exp(-(self.slope * log_odds(evidence) + self.intercept))))

    def of(self, span: ScoredSpan) -> ScoredSpan:
        """Give the span with its probability put right."""
        evidence = float(np.log(max(span.probability, SUREST)))
        return span._replace(probability=self.probability(evidence))


UNCALIBRATED = SpanCalibration()


def log_odds(evidence: float) -> float:
    """Give the log-odds of a probability whose logarithm is `evidence`, held within reason."""
    probability = float(np.clip(np.exp(min(evidence, 0.0)), SUREST, 1 - SUREST))
    return float(np.log(probability) - np.log1p(-probability))


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
    return SpanCalibration(*evaluation.fit_log_odds_line(odds, np.asarray(right, dtype=np.float64)))


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
