"""Spans of a text and the relations between them: triples of a first span, a relation and a second span."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from metier.errors import DataError, TooFewLabelsError, UnknownLabelError
from metier.evaluation.triple_measures import per_relation
from metier.figures import count_of
from metier.tasks.answer_batches import DIGITS, RecordAnswers
from metier.tasks.answers.bio import Span
from metier.tasks.answers.kind import AnswerKind, Line, RecordFields, Words
from metier.tasks.answers.scored_spans import ScoredSpan, span_answers, targets_of
from metier.tasks.answers.spans import SPAN_COLUMNS, SPANS, check_spans
from metier.tasks.examples import Examples

# A target: `spans`, a list of [start, end, label], and `relations`, a list of [head, tail, label], places in `spans`.
TripleTarget = dict[str, list[list[Any]]]
SHOWN_FAULTS = 5
ARROW = "→"


class ScoredRelation(NamedTuple):
    """A relation that was found: the places of its two spans among those of the text, and how probable it is."""

    head: int
    tail: int
    label: str
    probability: float


@dataclass(frozen=True)
class TripleAnswer(AnswerKind):
    """Spans and relations of each text; the truth is a mapping with `spans` and `relations` a row."""

    name: ClassVar[str] = "triples"
    marks_text: ClassVar[bool] = True
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        dict.fromkeys(
            (
                "few_shot",
                "zero_shot",
                "in_context",
                "self_training",
                "pretraining",
                "consistency",
                "weak_labels",
                "distillation",
                "search",
                "soup",
            ),
            "A triple is two spans and a relation between them, and each part learns this way by itself: as the tasks "
            "ner and relation, whose models are joined.",
        )
    )
    losses: ClassVar[tuple[str, ...]] = ()
    role: ClassVar[str | None] = "relations"
    further_roles: ClassVar[tuple[str, ...]] = ("spans",)
    lines_show_question: ClassVar[bool] = True
    words: ClassVar[Words] = Words(
        "token-classification", "Marks parts of {item} and states which of {n} relations hold between them."
    )
    record: ClassVar[RecordFields] = {
        "spans": (list[dict[str, Any]], "Where parts of the text are marked."),
        "relations": (list[dict[str, Any]], "How marked parts are related, by their places in `spans`."),
    }
    nested_columns: ClassVar[Mapping[str, Mapping[str, str]]] = MappingProxyType(
        {
            **SPAN_COLUMNS,
            "relations": {
                "head": "int32",
                "tail": "int32",
                "label": "string",
                "head_text": "string",
                "tail_text": "string",
                "probability": "double",
            },
        }
    )

    def check(self, items: Sequence[str], y: Any, *, known: Examples | None = None) -> Examples:
        """Give the spans and the relations of texts.

        Parameters
        ----------
        y : sequence of mapping
            One a text, with `spans` and `relations`.

        Raises
        ------
        ValueError
            If there is not one target for each text.
        BadSpanError
            If a span is not a span of its text, or two of a text overlap.
        DataError
            If a relation names no span.
        TooFewLabelsError
            If no text has a relation.
        UnknownLabelError
            If a validation row has a relation that the training rows do not have.
        """
        if y is None or len(y) != len(items):
            found = "none" if y is None else f"{len(y)}"
            raise ValueError(
                f"Expected the spans and relations of each of {len(items)} texts, found {found}. "
                'Give {"spans": [], "relations": []} where a text has none.'
            )
        truth = check_triples(items, y)
        if known is None:
            return Examples(items, truth, np.array(relation_labels(truth)))
        unknown = Counter(
            label for row in truth for *_, label in row["relations"] if label not in known.label_names
        )
        if unknown:
            shown = ", ".join(
                f"{label!r} ({count_of(count, 'row')})" for label, count in unknown.most_common(SHOWN_FAULTS)
            )
            raise UnknownLabelError(
                f"The validation rows use {count_of(len(unknown), 'label')} that the training rows do not have: {shown}. "
                "Add training rows with these labels, or correct the spelling."
            )
        return Examples(items, truth, known.labels)

    def strata(self, examples: Examples) -> np.ndarray:
        """Give whether each text has relations."""
        return np.array([len(row["relations"]) > 0 for row in examples.truth], dtype=np.int64)

    def row_labels(self, value: Any) -> list[str]:
        """Give the relation of each triple of a row."""
        return [one["label"] for one in value or ()]

    def read_answer(self, value: Any) -> TripleTarget:
        """Give the triples of a mapping with `spans` and `relations`, as records have them; nothing is none."""
        if value is None:
            return {"spans": [], "relations": []}
        try:
            spans = [SPANS.read_answer([span])[0] for span in value["spans"]]
            relations = [_read_relation(one, len(spans)) for one in value["relations"]]
        except (KeyError, TypeError, ValueError):
            raise ValueError("it is no mapping with spans and relations between them") from None
        return {"spans": spans, "relations": relations}

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give each triple, then the spans that have no relation."""
        related = {place for one in record["relations"] for place in (one["head"], one["tail"])}
        parts = [
            f"{one['head_text']} {ARROW} {one['label']} {ARROW} {one['tail_text']}"
            for one in record["relations"]
        ]
        alone = [span for place, span in enumerate(record["spans"]) if place not in related]
        parts += [SPANS.shown({"spans": alone})] if alone or not parts else []
        return "; ".join(parts)

    def lines(self, row: Mapping[str, Any]) -> list[Line]:
        """Give the text twice with its spans, and below each what relates them."""
        lines = []
        for what, answer in (("truth", row["target"]), ("answered", row["predicted"])):
            lines.append(Line(what, row["item"], answer["spans"]))
            lines.append(Line(what, in_triples(row["item"], answer)))
        return lines

    def by_type(self, targets: Sequence[Any], predicted: Sequence[Any]) -> list[dict[str, Any]]:
        """Give strict precision, recall and F1 of the triples of each relation."""
        return per_relation(targets, predicted)


def _read_relation(value: Any, n_spans: int) -> list[Any]:
    parts = [value[key] for key in ("head", "tail", "label")] if isinstance(value, Mapping) else list(value)
    head, tail, label = parts
    if not all(isinstance(place, int) and 0 <= place < n_spans for place in (head, tail)):
        raise ValueError("no span")
    return [head, tail, str(label)]


TRIPLES = TripleAnswer()


def in_triples(text: str, answer: Mapping[str, Sequence[Sequence[Any]]]) -> str:
    """Give the triples of a text as people read them."""
    pieces = [text[start:end] for start, end, _ in answer["spans"]]
    triples = [
        f"{pieces[head]} {ARROW} {label} {ARROW} {pieces[tail]}" for head, tail, label in answer["relations"]
    ]
    return "; ".join(triples) or "none"


def check_triples(
    texts: Sequence[str], targets: Sequence[Any], *, origin: str = "these rows"
) -> list[TripleTarget]:
    """Give the spans and relations of each text as plain ints and str, spans in order.

    Raises
    ------
    BadSpanError
        As `check_spans` does.
    DataError
        If a target is no mapping of both, or a relation names no span of its row or joins one with itself.
    """
    faults = [(row, fault) for row, one in enumerate(targets, start=1) if (fault := _fault(one))]
    if faults:
        listed = "\n".join(f"  - row {row}: {fault}" for row, fault in faults[:SHOWN_FAULTS])
        more = f"\n  - … and {len(faults) - SHOWN_FAULTS:,} more" if len(faults) > SHOWN_FAULTS else ""
        raise DataError(
            f"{len(faults)} of {len(targets)} rows of {origin} have relations that cannot be used. Expected "
            f"[head, tail, label] with the places of two spans of the row, from 0:\n{listed}{more}\nFix these rows, or "
            "remove them."
        )
    checked = check_spans(texts, [one["spans"] for one in targets], origin=origin)
    return [_in_order(one, spans) for one, spans in zip(targets, checked, strict=True)]


def _in_order(target: Mapping[str, Any], spans: list[Span]) -> TripleTarget:
    """Give the relations by the places of sorted spans."""
    given = [[int(start), int(end), str(label)] for start, end, label in target["spans"]]
    place = [spans.index(span) for span in given]
    return {
        "spans": spans,
        "relations": [[place[head], place[tail], str(label)] for head, tail, label in target["relations"]],
    }


def _fault(target: Any) -> str | None:
    if not isinstance(target, Mapping) or not {"spans", "relations"} <= target.keys():
        return f"{target!r:.80} is not a mapping with spans and relations"
    n_spans = len(target["spans"])
    for one in target["relations"]:
        if not isinstance(one, Sequence) or isinstance(one, str) or len(one) != 3:
            return f"{one!r:.80} is not [head, tail, label]"
        head, tail, _ = one
        if not all(isinstance(place, int) and 0 <= place < n_spans for place in (head, tail)):
            return f"{list(one)!r:.80} names a span that is not there: the row has {n_spans}"
        if head == tail:
            return f"{list(one)!r:.80} joins a span with itself"
    return None


def relation_labels(targets: Sequence[TripleTarget], *, origin: str = "these rows") -> tuple[str, ...]:
    """Give the relations of rows, sorted; raises `TooFewLabelsError` where there is none."""
    labels = {str(label) for row in targets for *_, label in row["relations"]}
    if not labels:
        raise TooFewLabelsError(
            f"None of the {len(targets)} rows of {origin} has a relation, so there is nothing to find. "
            "Check the column of relations (--role relations=COLUMN), or add rows that have some."
        )
    return tuple(sorted(labels))


def triple_answers(
    texts: Sequence[str],
    found: Sequence[tuple[Sequence[ScoredSpan], Sequence[ScoredRelation]]],
    *,
    name: str,
) -> RecordAnswers:
    """Give the answers to texts from the spans and relations that were found in each."""
    spans = span_answers(texts, [own for own, _ in found], name=name)
    predicted, records = [], []
    for record, (own, relations) in zip(spans.records, found, strict=True):
        predicted.append(target_of(own, relations))
        records.append({**record, "relations": [_relation_record(record["spans"], one) for one in relations]})
    return RecordAnswers(predicted, records, spans.answered_by)


def target_of(spans: Sequence[ScoredSpan], relations: Sequence[ScoredRelation]) -> TripleTarget:
    """Give spans and relations as a target."""
    return {"spans": targets_of(spans), "relations": [[one.head, one.tail, one.label] for one in relations]}


def _relation_record(spans: Sequence[Mapping[str, Any]], one: ScoredRelation) -> dict[str, Any]:
    return {
        "head": one.head,
        "tail": one.tail,
        "label": one.label,
        "head_text": spans[one.head]["text"],
        "tail_text": spans[one.tail]["text"],
        "probability": round(one.probability, DIGITS),
    }
