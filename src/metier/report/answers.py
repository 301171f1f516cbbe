"""Answers that are not single labels, as the page draws them: spans over their text, answers in their passage."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.evaluation.measure_table import metric_name
from metier.report import numbers as written
from metier.tasks.answers import ANSWERS
from metier.tasks.answers.kind import Line
from metier.tasks.inputs import INPUTS

LONGEST_TEXT = 1_200  # Characters of one text on the page; all of it is in the rows' file.

Part = dict[str, str | None]  # `text`, and the `label` drawn over it or None.


def worst(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the rows that the recommended candidate answered worst; None where its answers are labels."""
    detail = report["detail"]
    if detail.get("kind", "labels") == "labels":
        return None
    metric, rows = report["primary_metric"], detail["worst"]
    scale = written.scale_of(report, metric)
    return {
        "finding": (
            f"The {len(rows)} {detail['split']} rows with the worst {metric_name(metric)}. "
            "Read them first: some are errors in the data, not of the model."
        ),
        "rows": [
            {
                "row": row["row"],
                "figure": scale.whole(row["figure"], 0 if scale.is_fraction else 2),
                "answered_by": row["answered_by"],
                **_drawn(row, detail),
            }
            for row in rows
        ],
    }


def by_type(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the figures of each type of span or label, weakest first; None where there are no types."""
    rows = report["detail"].get("by_type")
    if not rows:
        return None
    ranked = sorted(rows, key=lambda row: (row["f1"], -row["entities"]))
    return {"rows": ranked, "finding": f"The weakest by F1: {', '.join(row['label'] for row in ranked[:3])}."}


def _drawn(row: Mapping[str, Any], detail: Mapping[str, Any]) -> dict[str, Any]:
    """Give the lines of one row: what was asked, what was right, what was answered."""
    kind, asked = ANSWERS[detail["answer"]], INPUTS[detail["input"]].shown(row["item"])
    questions = [] if kind.lines_show_question else [Line("asked", text) for text in asked]
    lines = [*questions, *kind.lines(row)]
    return {"lines": [(line.what, marked(line.text, line.spans) or [_part("")]) for line in lines]}


def marked(text: str, spans: Sequence[Sequence[Any]]) -> list[Part]:
    """Cut a text into parts, those inside a span with its label.

    Parameters
    ----------
    spans : sequence of (start, end, label)
        In order, none over another.
    """
    parts, place = [], 0
    for start, end, label in sorted(spans, key=lambda span: span[0]):
        if place < start:
            parts.append(_part(text[place:start]))
        parts.append({"text": text[start:end], "label": str(label)})
        place = end
    if place < len(text):
        parts.append(_part(text[place:]))
    return parts


def _part(text: str) -> Part:
    shown = (
        text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT].rstrip()} … ({len(text):,} characters)"
    )
    return {"text": shown, "label": None}
