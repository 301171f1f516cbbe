"""Spans of a text and the label of each: names, diseases, places, parts of an address."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from metier.errors import BadSpanError, TooFewLabelsError, UnseenLabelError
from metier.tasks.bio import Span
from metier.tasks.folds import held_out
from metier.text.given_texts import as_texts

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "tagging"
METRICS = ("entity_f1", "entity_precision", "entity_recall")
SHOWN_FAULTS = 5


@dataclass(frozen=True)
class Tagging:
    """The task of finding spans in a text and giving each one of a fixed set of labels.

    A target is a list of [start, end, label], in order and without overlap; a text may have none.

    Parameters
    ----------
    labels : tuple of str
        The label space, sorted.
    primary_metric : {"entity_f1"}
        What candidates are ranked by: a span counts if its edges and its label are all right.
    """

    labels: tuple[str, ...]
    primary_metric: str = "entity_f1"
    metrics: ClassVar[tuple[str, ...]] = METRICS
    name: ClassVar[str] = NAME
    input_keys: ClassVar[tuple[str, ...]] = ("text",)

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Read the label space off training rows, whose spans are checked."""
        spans = check_spans(rows.texts, rows.values("spans"), origin=rows.origin)
        return cls(_label_space(spans, origin=rows.origin))

    def items(self, rows: "Rows") -> Sequence[str]:
        """Give the texts."""
        return rows.texts

    def targets(self, rows: "Rows") -> list[list[Span]]:
        """Give the spans of each row, in order."""
        return check_spans(rows.texts, rows.values("spans"), origin=rows.origin)


@dataclass(frozen=True)
class TaggedTexts:
    """Texts with their spans, checked.

    Parameters
    ----------
    texts : sequence of str
    spans : list of list of [start, end, label]
        One list a text, in order, without overlap.
    labels : tuple of str
        The label space, sorted.
    """

    texts: Sequence[str]
    spans: list[list[Span]]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.spans)

    def take(self, positions: np.ndarray) -> "TaggedTexts":
        """The texts at these positions, in this order."""
        picked = positions.tolist()
        return TaggedTexts([self.texts[i] for i in picked], [self.spans[i] for i in picked], self.labels)

    def held_out(self, random: np.random.RandomState) -> Iterator[tuple["TaggedTexts", "TaggedTexts"]]:
        """Give parts to learn from and to choose on, texts with and without spans in equal shares."""
        has_spans = np.array([len(spans) > 0 for spans in self.spans], dtype=np.int64)
        for training, away in held_out(has_spans, random=random):
            yield self.take(training), self.take(away)


def check_tagged(X: Any, y: Any, *, labels: Sequence[str] | None = None) -> TaggedTexts:
    """Check what `fit` was handed.

    Parameters
    ----------
    X : whatever `metier.data.rows.as_texts` takes
    y : sequence of lists of [start, end, label]
        One list a text.
    labels : sequence of str, optional
        The label space of the training rows, when these are validation rows; None: learn it from `y`.

    Raises
    ------
    ValueError
        If there is not one list for each text.
    BadSpanError
        If a span is no span of its text, or two of a text overlap.
    TooFewLabelsError
        If no text has a span.
    UnseenLabelError
        If a validation row has a label that `labels` does not hold.
    """
    texts = as_texts(X)
    if y is None or len(y) != len(texts):
        found = "none" if y is None else f"{len(y)}"
        raise ValueError(
            f"Expected one list of spans for each of {len(texts)} texts, found {found}. Give [] where a text has none."
        )
    spans = check_spans(texts, y)
    if labels is None:
        return TaggedTexts(texts, spans, _label_space(spans, origin="these rows"))
    unseen = Counter(label for row in spans for _, _, label in row if label not in labels)
    if unseen:
        shown = ", ".join(f"{label!r} ({count} spans)" for label, count in unseen.most_common(SHOWN_FAULTS))
        raise UnseenLabelError(
            f"The validation rows use {len(unseen)} labels that the training rows never show: {shown}. "
            "Add training rows with these labels, or mend the spelling."
        )
    return TaggedTexts(texts, spans, tuple(labels))


def check_spans(
    texts: Sequence[str], targets: Sequence[Any], *, origin: str = "these rows"
) -> list[list[Span]]:
    """Give the spans of each text in order, as lists of plain ints and str.

    Raises
    ------
    BadSpanError
        If a span is no [start, end, label], empty, outside its text, or overlaps another; with the rows.
    """
    checked, faults = [], []
    for row, (text, spans) in enumerate(zip(texts, targets, strict=True), start=1):
        try:
            in_order = sorted(([int(start), int(end), str(label)] for start, end, label in spans), key=_place)
        except (TypeError, ValueError):
            faults.append(f"row {row}: {spans!r:.80} is no list of [start, end, label]")
            continue
        fault = _fault(text, in_order)
        if fault:
            faults.append(f"row {row}: {fault}")
        checked.append(in_order)
    if faults:
        raise BadSpanError(faults[:SHOWN_FAULTS], n_rows=len(faults), n_all=len(targets), origin=origin)
    return checked


def _place(span: Span) -> tuple[int, int]:
    return span[0], span[1]


def _fault(text: str, spans: Sequence[Span]) -> str | None:
    before: Span | None = None
    for span in spans:
        start, end, _ = span
        if start >= end:
            return f"{span} is empty"
        if start < 0 or end > len(text):
            return f"{span} is outside the text, which has {len(text)} characters"
        if before is not None and start < before[1]:
            return f"{span} overlaps {before}"
        before = span
    return None


def _label_space(spans: Sequence[Sequence[Span]], *, origin: str) -> tuple[str, ...]:
    labels = {label for row in spans for _, _, label in row}
    if not labels:
        raise TooFewLabelsError(
            f"None of the {len(spans)} rows of {origin} has a span, so there is nothing to find. "
            "Check the column of spans (--role spans=COLUMN), or add rows that have some."
        )
    return tuple(sorted(labels))
