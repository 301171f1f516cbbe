"""Spans with probabilities: what was found, and how sure that is."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

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
