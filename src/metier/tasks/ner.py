"""Named entity recognition: spans of a text and their labels: names, diseases, places, parts of an address."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from metier.tasks.answers.bio import Span
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.spans import SPANS, check_spans, span_labels
from metier.tasks.task import PlainTask

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "ner"
METRICS = ("entity_f1", "entity_precision", "entity_recall")


@dataclass(frozen=True)
class NamedEntities(PlainTask):
    """The task of finding spans in a text and giving each one of a fixed set of labels.

    A target is a list of [start, end, label], in order and without overlap; a text may have none.

    Parameters
    ----------
    labels : tuple of str
        The label space, sorted.
    primary_metric : {"entity_f1"}
        What candidates are ranked by: a span counts if its edges and its label are all correct.
    """

    labels: tuple[str, ...]
    primary_metric: str = "entity_f1"
    metrics: ClassVar[tuple[str, ...]] = METRICS
    name: ClassVar[str] = NAME
    title: ClassVar[str] = "named entity recognition"
    answer: ClassVar[AnswerKind] = SPANS

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Read the label space off training rows, whose spans are checked."""
        spans = check_spans(rows.texts, rows.values("spans"), origin=rows.origin)
        return cls(span_labels(spans, origin=rows.origin))

    def targets(self, rows: "Rows") -> list[list[Span]]:
        """Give the spans of each row, in order."""
        return check_spans(rows.texts, rows.values("spans"), origin=rows.origin)
