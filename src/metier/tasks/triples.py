"""Triples from raw texts: marked parts of a text and the relations between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.errors import DataError
from metier.evaluation.relation_measures import find_negative_label
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.triples import TRIPLES, TripleTarget, check_triples, relation_labels
from metier.tasks.task import PlainTask

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "triples"
# The tagger and the relation method that a pipeline has where none are named, and those of the baseline.
PARTS = ("crf.v1", "relation_linear.v1")
BASELINE_PARTS = ("dictionary_tagger.v1", "frequent_relation.v1")
METRICS = ("triple_f1", "triple_precision", "triple_recall", "triple_relaxed_f1", "triple_entity_f1")


@dataclass(frozen=True)
class Triples(PlainTask):
    """The task of finding entities in a text and saying which relations it states between them.

    A target is a mapping with `spans`, a list of [start, end, label] without overlap, and `relations`, a list of
    [head, tail, label] with places in `spans`.

    Parameters
    ----------
    labels : tuple of str
        The relations, sorted. The types of spans are known by the methods that find them.
    negative_label : str or None
        The label that stated relations have where none is meant ("no_relation", "Other"); such are no triples.
    primary_metric : {"triple_f1"}
        What candidates are ranked by: both spans with edges and types, direction and relation are correct.
    """

    labels: tuple[str, ...]
    negative_label: str | None = None
    primary_metric: str = "triple_f1"
    metrics: ClassVar[tuple[str, ...]] = METRICS
    name: ClassVar[str] = NAME
    title: ClassVar[str] = "triples of entities and relations"
    answer: ClassVar[AnswerKind] = TRIPLES

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Read the relations off training rows, whose spans are checked."""
        if "relations" not in rows.roles.named and {"head", "tail", "label"} <= rows.roles.named.keys():
            raise DataError(
                f"{rows.origin} has one relation a row, and triples are learned from texts with all of theirs. Gather them "
                "first with metier import FILE --format relations --output ROWS.jsonl."
            )
        given = cls._given(rows)
        stated = relation_labels(given, origin=rows.origin)
        negative = find_negative_label(stated)
        # Not sorted out of rows where nothing else would be left.
        return cls(tuple(label for label in stated if label != negative) or stated, negative)

    def targets(self, rows: "Rows") -> list[TripleTarget]:
        """Give the spans and relations of each row."""
        return [without(self.negative_label, target) for target in self._given(rows)]

    def with_rows(self, *parts: "Rows") -> Self:
        """Give the task as it is, knowing the negative label of further rows where the training rows are not known."""
        if self.negative_label is not None:
            return self
        named = {label for rows in parts for own in rows.column("relations") for label in _labels(own)}
        negative = find_negative_label(sorted(named - set(self.labels)))
        return self if negative is None else replace(self, negative_label=negative)

    @staticmethod
    def _given(rows: "Rows") -> list[TripleTarget]:
        pairs = zip(rows.values("spans"), rows.values("relations"), strict=True)
        targets = [{"spans": spans, "relations": relations} for spans, relations in pairs]
        return check_triples(rows.texts, targets, origin=rows.origin)

    def shown(self, target: Any) -> str | None:
        """Give a target as people read it; its spans are marked in the text beside it."""
        return (
            ", ".join(f"{head + 1} {label} {tail + 1}" for head, tail, label in target["relations"]) or "none"
        )


def without(negative: str | None, target: TripleTarget) -> TripleTarget:
    """Give a target without the relations that mean that there is none."""
    kept = [one for one in target["relations"] if one[2] != negative]
    return {"spans": target["spans"], "relations": kept}


def _labels(relations: Sequence[dict[str, Any]] | None) -> list[str]:
    return [one["label"] for one in relations or ()]
