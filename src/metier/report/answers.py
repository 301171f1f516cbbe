"""Answers that are not single labels, as the page draws them: spans over their text, answers in their passage."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page
from metier.report.words import cut
from metier.tasks.answers import ANSWERS
from metier.tasks.answers.kind import Line
from metier.tasks.inputs import INPUTS

# What an answer kind says in its lines, and not the rows.
OURS = frozenset({"truth", "answered", "none", "no answer in the passage"})
LONGEST_TEXT = 1_200  # Characters of one text on the page; all of it is in the rows' file.

Part = dict[str, str | None]  # `text`, and the `label` drawn over it or None.


def worst(page: Page) -> dict[str, Any] | None:
    """Give the rows that the recommended candidate answered worst; None where its answers are labels."""
    report = page.report
    detail = report["detail"]
    if detail.get("kind", "labels") == "labels":
        return None
    metric, rows = report["primary_metric"], detail["worst"]
    scale = written.scale_of(report, metric)
    return {
        "finding": page.say(
            "The {n} {split} rows with the worst {metric}. Read them first: some are errors in the data, not of the "
            "model.",
            n=len(rows),
            split=page.say(detail["split"]),
            metric=page.metric,
        ),
        "rows": [
            {
                "row": row["row"],
                "figure": scale.whole(row["figure"], 0 if scale.is_fraction else 2),
                "answered_by": row["answered_by"],
                "picture": row.get("picture"),
                **_drawn(page, row, detail),
            }
            for row in rows
        ],
    }


def unsupported(page: Page) -> dict[str, Any] | None:
    """Give the answers that say a number, a name or a quotation that was not asked; None where nothing is looked up."""
    claims = page.report["detail"].get("claims")
    if not claims:
        return None
    say = page.say
    finding = say(
        "{n} of {all} answers say a number, a name or a quotation that their source does not; of the true texts {true} do.",
        n=written.count(claims["flagged"]),
        all=written.count(claims["rows"]),
        true=written.count(claims["true_flagged"]),
    )
    limit = say(
        "What is false in words that the source has is not found: a wrong subject, a lost “not”, a cause for an effect."
    )
    columns = [(say("row"), True), (say("what the source does not say"), False), (say("answer"), False)]
    rows = [
        [
            str(one["row"]),
            ", ".join(claim["text"] for claim in one["said"]),
            cut(one["text"], LONGEST_TEXT // 4, say),
        ]
        for one in claims["examples"]
    ]
    title = say("The first of these answers")
    tables = [{"title": title, "columns": columns, "rows": rows}] if rows else []
    return {"finding": finding, "sentences": [limit], "pictures": [], "tables": tables}


def by_type(page: Page) -> dict[str, Any] | None:
    """Give the figures of each type of span or label, weakest first; None where there are no types."""
    rows = page.report["detail"].get("by_type")
    if not rows:
        return None
    ranked = sorted(rows, key=lambda row: (row["f1"], -row["entities"]))
    named = page.say.listed(row["label"] for row in ranked[:3])
    return {"rows": ranked, "finding": page.say("The weakest by F1: {named}.", named=named)}


def _drawn(page: Page, row: Mapping[str, Any], detail: Mapping[str, Any]) -> dict[str, Any]:
    """Give the lines of one row: what was asked, what was right, what was answered."""
    kind, asked = ANSWERS[detail["answer"]], INPUTS[detail["input"]].shown(row["item"])
    questions = [] if kind.lines_show_question else [Line("asked", text) for text in asked]
    lines = [*questions, *kind.lines(row)]
    return {"lines": [(page.say(line.what), _parts(page, line)) for line in lines]}


def _parts(page: Page, line: Line) -> list[Part]:
    """Give the parts of a line; a line that is words of ours (no answer, the mark of the truth) in the page's language."""
    spans = [[start, end, page.say(label) if label in OURS else label] for start, end, label in line.spans]
    text = page.say(line.text) if line.text in OURS else line.text
    parts = marked(text, spans) or [_part("")]
    return [
        part | {"text": cut(part["text"] or "", LONGEST_TEXT, page.say)} if part["label"] is None else part
        for part in parts
    ]


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
    return {"text": text, "label": None}
