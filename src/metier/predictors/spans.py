"""Answers that are spans, and back from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.predictors.answers import DIGITS, RecordAnswers
from metier.tasks.scored_spans import ScoredSpan


def span_answers(texts: Sequence[str], found: Sequence[Sequence[ScoredSpan]], *, name: str) -> RecordAnswers:
    """Give the answers to texts from the spans that were found in each, which are in order."""
    predicted = [[[span.start, span.end, span.label] for span in spans] for spans in found]
    records: list[dict[str, Any]] = [
        {"spans": [_record(text, span) for span in spans]} for text, spans in zip(texts, found, strict=True)
    ]
    return RecordAnswers(predicted, records, (name,) * len(found))


def spans_of_record(record: Mapping[str, Any]) -> list[ScoredSpan]:
    """Give the spans of one record of `span_answers`."""
    return [
        ScoredSpan(span["start"], span["end"], span["label"], span["probability"]) for span in record["spans"]
    ]


def _record(text: str, span: ScoredSpan) -> dict[str, Any]:
    return {
        "start": span.start,
        "end": span.end,
        "label": span.label,
        "text": text[span.start : span.end],
        "probability": round(span.probability, DIGITS),
    }
