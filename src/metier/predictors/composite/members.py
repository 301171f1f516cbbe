"""A member of a composite predictor, and how its answers are shared.

A cheap method often plays twice: as the cascade's first stage and inside the average that is the second. It is
known by its fingerprint, a hash over its files. Whoever has its answers already hands them down as `known`, so
nothing is computed twice for the same texts, loaded twice or stored twice: a run that lets its candidates answer the
test rows hands their answers to the ensembles that are made of them.

A method of grades answers in the order of the grades, any other in that of the alphabet. So that they can be combined,
a member's columns are put in the order of the whole here, and nowhere else; what is `known` keeps the member's own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from metier.errors import BundleError, UnsafeFileError
from metier.predictors.evidence import EmbedsTexts, embedder_among
from metier.predictors.loading import SETTINGS_FILE, Predictor, load_predictor
from metier.tasks.answer_batches import AnswerBatch, Answers, LabelSetAnswers

# Answers of members by fingerprint, one for each text that is asked, in the order of the member's own labels.
Known = Mapping[str, AnswerBatch]
NOTHING: Known = {}


@runtime_checkable
class Composite(Protocol):
    """A predictor made of members."""

    def predict(self, texts: Sequence[str], *, known: Known = NOTHING) -> AnswerBatch:
        """Answer texts, taking the answers of members that are known already as given."""
        ...

    def find(self, fingerprint: str) -> Predictor | None:
        """Give the member with this fingerprint, at any depth; None where there is none."""
        ...


class Composed:
    """What is made of members: one of them can be found by its fingerprint."""

    members: tuple["Member", ...]

    @property
    def embeds_texts(self) -> bool:
        """Whether one of them gives the vectors of texts."""
        return self._embedder is not None

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text by the first member that has one, of shape (n_texts, size)."""
        assert self._embedder is not None
        return self._embedder.embed(texts)

    @property
    def _embedder(self) -> EmbedsTexts | None:
        return embedder_among(member.predictor for member in self.members)

    def find(self, fingerprint: str) -> Predictor | None:
        """Give the member with this fingerprint, at any depth."""
        found = (member.find(fingerprint) for member in self.members)
        return next((predictor for predictor in found if predictor is not None), None)


class Member:
    """A loaded predictor, the fingerprint of its files, and the labels of the whole that it answers in."""

    def __init__(self, predictor: Predictor, fingerprint: str, *, labels: Sequence[str] | None = None):
        self.predictor = predictor
        self.fingerprint = fingerprint
        self.labels = predictor.labels if labels is None else tuple(labels)
        self._columns = _columns_of(predictor.labels, self.labels)
        # Asked once: matching a protocol takes longer than a linear method's answer.
        self._composite = predictor if isinstance(predictor, Composite) else None

    @classmethod
    def load(cls, folder: Path, entry: Mapping[str, Any], *, labels: Sequence[str], threads: int) -> Self:
        """Load the member that an entry of the composite's `predictor.json` describes, to answer in these labels.

        Raises
        ------
        BundleError
            If it answers with others.
        """
        predictor = load_predictor(member_folder(folder, entry), threads=threads)
        check_labels(folder, labels, predictor)
        return cls(predictor, entry["fingerprint"], labels=labels)

    def answer(self, texts: Sequence[str], known: Known) -> Any:
        """Answer texts, or look the answers up where they are known; columns in the order of the whole's labels."""
        return self.in_order(self.own_answer(texts, known))

    def in_order(self, answers: AnswerBatch) -> Any:
        """Give the member's own answers with the columns in the order of the whole's labels."""
        if self._columns is None:
            return answers
        if isinstance(answers, Answers):
            return Answers(answers.probabilities[:, self._columns], self.labels, answers.answered_by)
        if isinstance(answers, LabelSetAnswers):
            given, thresholds = answers.probabilities[:, self._columns], answers.thresholds[self._columns]
            return LabelSetAnswers(given, self.labels, thresholds, answers.answered_by)
        return answers  # Spans name their labels, and scores have none.

    def own_answer(self, texts: Sequence[str], known: Known) -> AnswerBatch:
        """Answer texts in the order of the member's own labels: what can be handed down as known."""
        if self.fingerprint in known:
            return known[self.fingerprint]
        if self._composite is not None:
            return self._composite.predict(texts, known=known)
        return self.predictor.predict(texts)

    def find(self, fingerprint: str) -> Predictor | None:
        """Give the predictor with this fingerprint: this one, or one inside it."""
        if fingerprint == self.fingerprint:
            return self.predictor
        return None if self._composite is None else self._composite.find(fingerprint)


def load_members(
    folder: Path, entries: Sequence[Mapping[str, Any]], *, labels: Sequence[str], threads: int
) -> list[Member]:
    """Load the members that a composite's `predictor.json` describes; raises what `Member.load` does."""
    return [Member.load(folder, entry, labels=labels, threads=threads) for entry in entries]


def member_folder(folder: Path, entry: Mapping[str, Any]) -> Path:
    """Give the folder of a member, which lies inside the composite's.

    Raises
    ------
    UnsafeFileError
        If the entry points out of the composite's folder.
    """
    path = PurePosixPath(entry["folder"])
    if path.is_absolute() or ".." in path.parts:
        raise UnsafeFileError(
            f"{folder / SETTINGS_FILE} names a member outside its folder: {entry['folder']!r}. "
            "Take the bundle from its source again."
        )
    return folder / path


def check_labels(folder: Path, labels: Sequence[str], predictor: Predictor) -> None:
    """Refuse a member that answers with other labels than the whole; their order may differ.

    Raises
    ------
    BundleError
        If it does.
    """
    if sorted(predictor.labels) != sorted(labels):
        raise BundleError(
            f"In {folder}, {predictor.name} has {len(predictor.labels)} labels that are not the "
            f"{len(labels)} labels of the ensemble. Combine methods trained on the same labels."
        )


def _columns_of(own: Sequence[str], wanted: Sequence[str]) -> np.ndarray | None:
    """Give where each wanted label stands among a member's own; None where the order is the same."""
    if tuple(own) == tuple(wanted):
        return None
    place = {label: column for column, label in enumerate(own)}
    return np.array([place[label] for label in wanted], dtype=np.int64)
