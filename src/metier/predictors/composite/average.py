"""Several methods' probabilities, averaged: `average.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from metier.predictors.answers import Answers, Predictor
from metier.predictors.composite.members import NOTHING, Known, Member
from metier.predictors.loading import read_settings

KIND = "average.v1"
# Where a member gives no chance at all, the logarithm needs some.
SMALLEST_PROBABILITY = 1e-12


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Give the natural logarithms; a probability of 0 counts as `SMALLEST_PROBABILITY`."""
    floored = np.maximum(probabilities, SMALLEST_PROBABILITY)
    return np.log(floored, out=floored)


def pool(
    probabilities: Sequence[np.ndarray],
    *,
    temperatures: Sequence[float],
    weights: Sequence[float],
    temperature: float = 1.0,
) -> np.ndarray:
    """Give the weighted geometric mean of members' probabilities, each at its own temperature.

    Parameters
    ----------
    probabilities : sequence of ndarray of shape (n_texts, n_classes)
        One array a member.
    temperatures, weights : sequence of float
        One each a member; weights sum to 1.
    temperature : float
        Of the mean itself.

    Returns
    -------
    ndarray of shape (n_texts, n_classes)
        Each row sums to 1.
    """
    factors = [weight / (own * temperature) for own, weight in zip(temperatures, weights, strict=True)]
    # One array for all members: for a single text the number of calls is what costs.
    logs = log_probabilities(np.array(probabilities))
    logits = np.dot(factors, logs.reshape(len(factors), -1)).reshape(logs.shape[1:])
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


class AveragePredictor:
    """The weighted geometric mean of its members' probabilities.

    Safe to share between threads if its members are.

    Parameters
    ----------
    members : sequence of Member
    temperatures, weights : sequence of float
        One each a member.
    temperature : float
        Of the average itself.
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        *,
        members: Sequence[Member],
        temperatures: Sequence[float],
        weights: Sequence[float],
        temperature: float,
        labels: Sequence[str],
        name: str,
    ):
        self.members = tuple(members)
        self.temperatures = tuple(temperatures)
        self.weights = tuple(weights)
        self.temperature = temperature
        self.labels = tuple(labels)
        self.name = name

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.average.export_average` wrote; `threads` are those of each member."""
        settings = read_settings(folder)
        entries, labels = settings["members"], settings["labels"]
        members = [Member.load(folder, entry, labels=labels, threads=threads) for entry in entries]
        return cls(
            members=members,
            temperatures=[entry["temperature"] for entry in entries],
            weights=[entry["weight"] for entry in entries],
            temperature=settings["temperature"],
            labels=labels,
            name=settings["name"],
        )

    def predict(self, texts: Sequence[str], *, known: Known = NOTHING) -> Answers:
        """Answer texts; members whose answers are `known` are not asked."""
        pooled = pool(
            [member.answer(texts, known).probabilities for member in self.members],
            temperatures=self.temperatures,
            weights=self.weights,
            temperature=self.temperature,
        )
        return Answers(pooled, self.labels, (self.name,) * len(texts))

    def find(self, fingerprint: str) -> Predictor | None:
        """Give the member with this fingerprint, at any depth."""
        found = (member.find(fingerprint) for member in self.members)
        return next((predictor for predictor in found if predictor is not None), None)
