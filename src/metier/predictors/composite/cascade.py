"""A cheap method that answers when it is confident, and an expensive one for the rest: `cascade.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from metier.predictors.composite.members import NOTHING, Composed, Known, Member
from metier.predictors.loading import read_settings
from metier.tasks.answer_batches import Answers

KIND = "cascade.v1"
# No probability reaches it: the cheap stage keeps nothing and is not asked.
NEVER = 2.0


class CascadePredictor(Composed):
    """Asks the cheap stage, and the big one about those texts only where the cheap one is unsure.

    Safe to share between threads if its stages are. `answered_by` tells which stage had the last word.

    Parameters
    ----------
    cheap, big : Member
    threshold : float
        The cheap stage keeps a text when its highest probability is at least this; above 1 it keeps none.
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, *, cheap: Member, big: Member, threshold: float, labels: Sequence[str], name: str):
        self.cheap = cheap
        self.big = big
        self.members = (big, cheap)
        self.threshold = threshold
        self.labels = tuple(labels)
        self.name = name

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.cascade.export_cascade` wrote; `threads` are those of each stage."""
        settings = read_settings(folder)
        (cheap_entry, big_entry), labels = settings["stages"], settings["labels"]
        big = Member.load(folder, big_entry, labels=labels, threads=threads)
        # A cheap stage that is also a member of the big one is in memory already.
        shared = big.find(cheap_entry["fingerprint"])
        if shared is not None:
            cheap = Member(shared, cheap_entry["fingerprint"], labels=labels)
        else:
            cheap = Member.load(folder, cheap_entry, labels=labels, threads=threads)
        return cls(cheap=cheap, big=big, threshold=settings["threshold"], labels=labels, name=settings["name"])

    def predict(self, texts: Sequence[str], *, known: Known = NOTHING) -> Answers:
        """Answer texts; members whose answers are `known` are not asked."""
        if self.threshold > 1:
            return self.big.answer(texts, known)
        own = self.cheap.own_answer(texts, known)
        cheap: Answers = self.cheap.in_order(own)
        unsure = np.flatnonzero(cheap.probabilities.max(axis=1) < self.threshold)
        if len(unsure) == 0:
            return cheap
        rows = unsure.tolist()
        handed_down = {**known, self.cheap.fingerprint: own}
        handed_down = {fingerprint: answers.rows(rows) for fingerprint, answers in handed_down.items()}
        big = self.big.answer([texts[row] for row in rows], handed_down)
        probabilities = cheap.probabilities.copy()
        probabilities[unsure] = big.probabilities
        answered_by = list(cheap.answered_by)
        for row, name in zip(unsure, big.answered_by, strict=True):
            answered_by[row] = name
        return Answers(probabilities, self.labels, tuple(answered_by))
