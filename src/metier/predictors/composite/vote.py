"""A vote over the spans of several methods: `vote.v1`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from metier.predictors.composite.members import NOTHING, Composed, Known, Member, load_members
from metier.predictors.loading import read_settings
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.scored_spans import (
    ScoredSpan,
    SpanCalibration,
    elect,
    span_answers,
    spans_of_record,
    supported,
)

KIND = "vote.v1"
TEXTS_AT_ONCE = 1_000


def join_spans(
    members: Sequence[Member],
    texts: Sequence[str],
    join: Callable[[str, Sequence[Sequence[ScoredSpan]]], list[ScoredSpan]],
    known: Known = NOTHING,
    *,
    name: str,
) -> RecordAnswers:
    """Answer texts with what a rule makes of the members' spans; a long sequence is worked off in batches.

    Parameters
    ----------
    join : callable
        From a text and the spans that each member finds in it to the spans of the whole.
    known : mapping of str to AnswerBatch
        Answers of members by fingerprint, which are not asked.
    name : str
        Versioned name of the method that answers.
    """
    found: list[list[ScoredSpan]] = []
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        some = list(texts[start : start + TEXTS_AT_ONCE])
        rows = range(start, start + len(some))
        handed_down = {fingerprint: answers.rows(rows) for fingerprint, answers in known.items()}
        answers = [member.answer(some, handed_down) for member in members]
        for row, text in enumerate(some):
            found.append(join(text, [spans_of_record(answer.record(row)) for answer in answers]))
    return span_answers(texts, found, name=name)


class VotePredictor(Composed):
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
        return cls(
            members=load_members(folder, entries, labels=labels, threads=threads),
            weights=[entry["weight"] for entry in entries],
            threshold=settings["threshold"],
            calibration=SpanCalibration(**settings["calibration"]),
            labels=labels,
            name=settings["name"],
        )

    def predict(self, texts: Sequence[str], *, known: Known = NOTHING) -> RecordAnswers:
        """Find the spans of texts, a batch at a time; members whose answers are `known` are not asked."""
        return join_spans(self.members, texts, self._elected, known, name=self.name)

    def _elected(self, text: str, found: Sequence[Sequence[ScoredSpan]]) -> list[ScoredSpan]:
        elected = elect(supported(found, self.weights), self.threshold)
        return [self.calibration.of(span) for span in elected]
