"""Answers that are no single label, as the page draws them: spans over their text, answers in their passage."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.evaluation.metric_names import metric_name
from metier.report import numbers as written

LONGEST_TEXT = 1_200  # Characters of one text on the page; all of it is in the rows' file.
AROUND_ANSWER = 300
SHOWN_MATCHES = 3

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
            "Read them before anything else: some are mistakes of the rows, not of the model."
        ),
        "rows": [
            {
                "row": row["row"],
                "figure": scale.whole(row["figure"], 0 if scale.is_fraction else 2),
                "answered_by": row["answered_by"],
                **_drawn(row),
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


def _drawn(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the lines of one row: what was asked, what was right, what was answered."""
    item, target, predicted = row["item"], row["target"], row["predicted"]
    if _are_spans(target) or _are_spans(predicted):
        return {"lines": [("truth", marked(item, target)), ("answered", marked(item, predicted))]}
    if isinstance(item, Mapping) and "passage" in item:
        return {"lines": _answer_lines(item, target, row["record"] or {}, predicted)}
    lines = [("asked", [_part(text)]) for text in _texts_of(item)]
    truth = row.get("target_text") or _said(target)
    return {"lines": [*lines, ("truth", [_part(truth)]), ("answered", [_part(_answered(row))])]}


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


def _are_spans(answer: Any) -> bool:
    return isinstance(answer, list) and bool(answer) and isinstance(answer[0], list | tuple)


def _answer_lines(
    item: Mapping[str, str], target: Sequence[Mapping[str, Any]], record: Mapping[str, Any], predicted: str
) -> list[tuple[str, list[Part]]]:
    passage = item["passage"]
    truth = [[one["start"], one["start"] + len(one["text"]), "truth"] for one in target[:1]]
    start = record.get("start")
    spans = truth
    if predicted and start is not None:
        spans = [*truth, [start, record.get("end", start + len(predicted)), "answered"]]
    places = [place for span in spans for place in span[:2]] or [0]
    low, high = max(min(places) - AROUND_ANSWER, 0), max(places) + AROUND_ANSWER
    shown = [[max(s - low, 0), e - low, label] for s, e, label in _apart(spans)]
    words = ", ".join(one["text"] for one in target) or "no answer in the passage"
    return [
        ("asked", [_part(item["question"])]),
        ("passage", marked(passage[low:high], shown)),
        ("truth", [_part(words)]),
        ("answered", [_part(predicted or "no answer in the passage")]),
    ]


def _apart(spans: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Leave out the spans that lie over an earlier one."""
    kept: list[Sequence[Any]] = []
    for span in sorted(spans, key=lambda one: one[0]):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _texts_of(item: Any) -> list[str]:
    if isinstance(item, Mapping) and "messages" in item:
        return [f"{turn['role']}: {turn['content']}" for turn in item["messages"]]
    if isinstance(item, Mapping):
        return [str(value) for value in item.values() if isinstance(value, str)]
    return [str(item)]


def _said(target: Any) -> str:
    if isinstance(target, list):
        return ", ".join(map(str, target)) or "none"
    return f"{target:.4g}" if isinstance(target, float) else str(target)


def _answered(row: Mapping[str, Any]) -> str:
    record = row["record"] or {}
    if "matches" in record:
        return " · ".join(match["text"] for match in record["matches"][:SHOWN_MATCHES]) or "nothing found"
    if "low" in record:
        return f"{record['score']:.3g} [{record['low']:.3g}, {record['high']:.3g}]"
    return _said(row["predicted"])


def _part(text: str) -> Part:
    shown = (
        text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT].rstrip()} … ({len(text):,} characters)"
    )
    return {"text": shown, "label": None}
