"""The average of several methods' answers: `average.v1`, `label_average.v1` and `score_average.v1`.

What is averaged is what adds up: logarithms of the probabilities of labels, log-odds of sets of labels, scores. The
decoder of the kind of answers makes answers of the average.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.predictors.composite.members import NOTHING, Composed, Known, Member, load_members
from metier.predictors.loading import as_bundle_error, read_settings
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import LABEL, LABEL_SET, SCORE, Decodable, Decoder

LABELS, SETS, SCORES = "average.v1", "label_average.v1", "score_average.v1"
# Where a member gives no chance at all, the logarithm needs some.
SMALLEST_PROBABILITY = 1e-12
SMALLEST_OF_SETS = 1e-6


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Give the natural logarithms; a probability of 0 counts as `SMALLEST_PROBABILITY`."""
    floored = np.maximum(probabilities, SMALLEST_PROBABILITY)
    return np.log(floored, out=floored)


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Give log(p / (1 - p)); a probability of 0 counts as `SMALLEST_OF_SETS`, one of 1 as what is left by it."""
    held = np.clip(probabilities, SMALLEST_OF_SETS, 1 - SMALLEST_OF_SETS)
    return np.asarray(np.log(held / (1 - held)))


def weighted_sum(factors: Sequence[float], evidence: np.ndarray) -> np.ndarray:
    """Give the sum over members, of evidence of shape (n_members, n_rows, n_logits)."""
    # One product for all members: for a single text the number of calls is what costs.
    return np.dot(factors, evidence.reshape(len(factors), -1)).reshape(evidence.shape[1:])


def _of_probabilities(answers: Sequence[Any]) -> np.ndarray:
    return log_probabilities(np.array([answer.probabilities for answer in answers]))


def _of_sets(answers: Sequence[Any]) -> np.ndarray:
    return log_odds(np.array([answer.probabilities for answer in answers]))


def _of_scores(answers: Sequence[Any]) -> np.ndarray:
    return np.array([answer.predicted for answer in answers], dtype=np.float64)[:, :, None]


@dataclass(frozen=True)
class AverageKind:
    """What a kind of average adds up, and which answers it makes of the sum.

    Parameters
    ----------
    evidence : callable
        From the members' answers to an ndarray of shape (n_members, n_rows, n_logits).
    answer : Decodable
    """

    evidence: Callable[[Sequence[Any]], np.ndarray]
    answer: Decodable


AVERAGES = {
    LABELS: AverageKind(_of_probabilities, LABEL),
    SETS: AverageKind(_of_sets, LABEL_SET),
    SCORES: AverageKind(_of_scores, SCORE),
}


@dataclass(frozen=True)
class FittedAverage:
    """What an average needs to know to answer.

    Parameters
    ----------
    kind : str
        Of `AVERAGES`.
    members : sequence of mappings
        The `weight` and the `temperature` of each, in the order they were given; equal weights, and 1, where missing.
    decoder : Decoder
        Makes answers of the average.
    """

    kind: str
    members: Sequence[Mapping[str, float]]
    decoder: Decoder

    def settings(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        return {**self.decoder.settings(), "members": [dict(member) for member in self.members]}

    @classmethod
    def of(cls, settings: Mapping[str, Any], *, kind: str) -> Self:
        """Read what `settings` gave."""
        return cls(kind, settings["members"], AVERAGES[kind].answer.read_decoder(settings))

    def whole(self, name: str) -> dict[str, Any]:
        """Give what `predictor.json` says of the average of this name, besides its members."""
        return {"kind": self.kind, "name": name, **self.decoder.settings()}

    @property
    def factors(self) -> list[float]:
        """What the evidence of each member is multiplied by: its weight over its temperature."""
        equal = 1 / len(self.members)
        return [member.get("weight", equal) / member.get("temperature", 1.0) for member in self.members]


class AveragePredictor(Composed):
    """The weighted sum of its members' evidence, decoded.

    Safe to share between threads if its members are.

    Parameters
    ----------
    members : sequence of Member
    factors : sequence of float
        What the evidence of each member is multiplied by: its weight over its temperature.
    decoder : Decoder
    kind : str
        Of `AVERAGES`.
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        members: Sequence[Member],
        factors: Sequence[float],
        decoder: Decoder,
        *,
        kind: str,
        name: str,
    ):
        self.members = tuple(members)
        self.factors = tuple(factors)
        self.decoder = decoder
        self.labels = decoder.labels
        self.name = name
        self._evidence = AVERAGES[kind].evidence

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.average_recipes` wrote; `threads` are those of each member.

        Raises
        ------
        BundleError
            If a member answers with other labels, or what the folder says of the average is broken.
        """
        settings = read_settings(folder)
        kind = settings["kind"]
        with as_bundle_error(folder, "does not hold a complete average"):
            fit = FittedAverage.of(settings, kind=kind)
            factors = fit.factors
        members = load_members(folder, settings["members"], labels=fit.decoder.labels, threads=threads)
        return cls(members, factors, fit.decoder, kind=kind, name=settings["name"])

    def predict(self, items: Sequence[Any], *, known: Known = NOTHING) -> AnswerBatch:
        """Answer items; members whose answers are `known` are not asked."""
        answers = [member.answer(items, known) for member in self.members]
        return self.decoder.answer(weighted_sum(self.factors, self._evidence(answers)), self.name)
