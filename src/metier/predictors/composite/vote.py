"""Several methods' spans, put to the vote: `vote.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from metier.predictors.answers import Predictor, RecordAnswers
from metier.predictors.composite.members import NOTHING, Member
from metier.predictors.loading import read_settings
from metier.tasks.answers.scored_spans import ScoredSpan, SpanCalibration
from metier.tasks.answers.spans import span_answers, spans_of_record
from metier.tasks.span_joining import elect, supported

KIND = "vote.v1"
TEXTS_AT_ONCE = 1_000


class VotePredictor:
    """Keeps the spans that its members together are sure enough of.

    Safe to share between threads if its members are.

    Parameters
    ----------
    members : sequence of Member
    weights : sequence of float
        One a member, together 1.
    threshold : float
        Least support of a span, 0 to 1.
    calibration : SpanCalibration
        From the support, taken as a probability, to the probability.
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        *,
        members: Sequence[Member],
        weights: Sequence[float],
        threshold: float,
        calibration: SpanCalibration,
        labels: Sequence[str],
        name: str,
    ):
        self.members = tuple(members)
        self.weights = tuple(weights)
        self.threshold = threshold
        self.calibration = calibration
        self.labels = tuple(labels)
        self.name = name

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.vote.export_vote` wrote; `threads` are those of each member."""
        settings = read_settings(folder)
        entries, labels = settings["members"], settings["labels"]
        members = [Member.load(folder, entry, labels=labels, threads=threads) for entry in entries]
        return cls(
            members=members,
            weights=[entry["weight"] for entry in entries],
            threshold=settings["threshold"],
            calibration=SpanCalibration(**settings["calibration"]),
            labels=labels,
            name=settings["name"],
        )

    def predict(self, texts: Sequence[str]) -> RecordAnswers:
        """Find the spans of texts; a long sequence is worked off in batches."""
        found: list[list[ScoredSpan]] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = list(texts[start : start + TEXTS_AT_ONCE])
            answers = [member.answer(some, NOTHING) for member in self.members]
            for row in range(len(some)):
                spans = [spans_of_record(answer.record(row)) for answer in answers]
                elected = elect(supported(spans, self.weights), self.threshold)
                found.append([self.calibration.of(span) for span in elected])
        return span_answers(texts, found, name=self.name)

    def find(self, fingerprint: str) -> Predictor | None:
        """Give the member with this fingerprint, at any depth."""
        found = (member.find(fingerprint) for member in self.members)
        return next((predictor for predictor in found if predictor is not None), None)
