"""Answers that are a number and an interval around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from metier.predictors.answers import RecordAnswers

DIGITS = 6  # Significant ones: more than any interval deserves, and short enough to send.


@dataclass(frozen=True)
class ScoreRule:
    """What makes answers of scores.

    Parameters
    ----------
    half_width : float
        How far the interval of an answer reaches to either side.
    coverage : float
        Share of answers whose truth lies in the interval, 0 to 1.
    """

    half_width: float
    coverage: float

    def answer(self, scores: np.ndarray, name: str) -> RecordAnswers:
        """Answer rows in the name of a method."""
        predicted = [float(f"{score:.{DIGITS}g}") for score in np.ravel(scores).tolist()]
        records = [
            {
                "score": score,
                "low": float(f"{score - self.half_width:.{DIGITS}g}"),
                "high": float(f"{score + self.half_width:.{DIGITS}g}"),
            }
            for score in predicted
        ]
        return RecordAnswers(predicted, records, (name,) * len(predicted))

    def settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps."""
        return {"labels": [], "half_width": self.half_width, "coverage": self.coverage}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls(float(settings["half_width"]), float(settings["coverage"]))
