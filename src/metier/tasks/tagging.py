"""Old form of checked spans, until its last caller uses `answers.spans`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.tasks.answers.bio import Span
from metier.tasks.answers.spans import SPANS, check_spans
from metier.tasks.examples import Examples
from metier.tasks.ner import NamedEntities as Tagging
from metier.text.given_texts import as_texts

__all__ = ["TaggedTexts", "Tagging", "check_spans", "check_tagged"]


@dataclass(frozen=True)
class TaggedTexts(Examples):
    """Texts with their spans, checked."""

    labels: Any = ()

    @property
    def spans(self) -> list[list[Span]]:
        """The spans of each text."""
        return list(self.truth)

    def held_out(self, random: np.random.RandomState) -> Iterator[tuple["TaggedTexts", "TaggedTexts"]]:
        """Give parts to learn from and to choose on."""
        for kept, held in SPANS.folds(self, random_state=random):
            yield self.take(kept), self.take(held)


def check_tagged(X: Any, y: Any, *, labels: Sequence[str] | None = None) -> TaggedTexts:
    """Check what `fit` was handed."""
    known = None if labels is None else Examples((), (), np.asarray(labels))
    found = SPANS.check(as_texts(X), y, known=known)
    return TaggedTexts(found.items, found.truth, tuple(found.labels.tolist()))
