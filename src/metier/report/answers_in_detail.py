"""What the report shows of the recommended candidate's answers: confusions, probabilities, mistakes, labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.report import numbers as written
from metier.report.plots import reliability_plot
from metier.report.section import Page, answers_of

# More labels than this and the table stays folded.
SHORT_LIST = 15
# The page stays light: labels beyond this many, the strongest ones, are left to report.json.
MOST_LABELS = 400


def _labels(page: Page) -> Mapping[str, Any] | None:
    """The details of answers that are labels; None of all others."""
    detail: Mapping[str, Any] = page.report["detail"]
    return detail if detail.get("kind", "labels") == "labels" else None


def confused(page: Page) -> dict[str, Any] | None:
    """Give the confusions of the recommended candidate; None where its answers are not labels."""
    detail = _labels(page)
    if detail is None:
        return None
    pairs, matrix = detail["confusions"], detail["confusion_matrix"] or {"labels": [], "counts": []}
    if not pairs:
        finding = page.say("No row was answered with a wrong label.")
        return {"finding": finding, "rows": [], "pairs": [], "labels": []}
    most = pairs[0]
    finding = page.say(
        "The most frequent confusion: “{truth}” is predicted as “{predicted}” in {n} of {rows} {split} rows. Labels that "
        "are confused both ways may be one label, or need a clearer rule.",
        truth=most["truth"],
        predicted=most["predicted"],
        n=written.count(most["rows"]),
        rows=written.count(page.report["data"]["rows"].get(detail["split"])),
        split=page.say(detail["split"]),
    )
    wrong = [rows for i, row in enumerate(matrix["counts"]) for j, rows in enumerate(row) if i != j]
    worst = max(wrong, default=0) or 1
    rows = [
        {"label": label, "cells": [_cell(count, i == j, worst) for j, count in enumerate(matrix["counts"][i])]}
        for i, label in enumerate(matrix["labels"])
    ]
    return {"finding": finding, "labels": matrix["labels"], "rows": rows, "pairs": pairs}


def _cell(rows: int, is_right: bool, worst: int) -> dict[str, Any]:
    if is_right:
        return {"kind": "hit", "rows": rows}
    return {"kind": "miss", "rows": rows, "heat": f"{rows / worst:.2f}"} if rows else {"kind": "none"}


def reliable(page: Page) -> dict[str, Any] | None:
    """Give how far its probabilities can be trusted; None where its answers are not labels."""
    detail = _labels(page)
    if detail is None:
        return None
    bins = [each for each in detail["reliability"] if each["rows"]]
    error = detail["calibration_error"]
    total = sum(each["rows"] for each in bins)
    if not total or error is None:
        return {"finding": page.say("The calibration was not measured."), "picture": None, "bins": []}
    sure = sum(each["confidence"] * each["rows"] for each in bins) / total
    right = sum(each["accuracy"] * each["rows"] for each in bins) / total
    findings = [
        page.say(
            "The mean confidence is {confidence} and the accuracy {accuracy}; the expected calibration error is {error}.",
            confidence=written.percent(sure),
            accuracy=written.percent(right),
            error=page.points(error),
        )
    ]
    by_chance = detail.get(
        "calibration_error_by_chance", answers_of(page.chosen).get("calibration_error_by_chance")
    )
    if by_chance is not None:
        findings.append(
            page.say(
                "A perfectly calibrated model would show {error} on so many rows, by chance.",
                error=page.points(by_chance),
            )
        )
    return {"finding": page.say.joined(findings), "picture": reliability_plot(bins, say=page.say), "bins": bins}


def mistaken(page: Page) -> dict[str, Any] | None:
    """Give the mistakes with the highest confidence; None where its answers are not labels."""
    detail = _labels(page)
    if detail is None:
        return None
    rows = detail["mistakes"]
    if not rows:
        finding = page.say("It made no mistake on the {split} rows.", split=page.say(detail["split"]))
        return {"finding": finding, "rows": [], "has_stages": False}
    finding = page.say(
        "The wrong answers of {name} on the {split} rows with the highest confidence ({n}). Read them first: an answer "
        "that looks correct here points to a wrong label, and similar rows point to a missing labelling rule.",
        name=detail["name"],
        split=page.say(detail["split"]),
        n=len(rows),
    )
    stages = {row["answered_by"] for row in rows if row["answered_by"]}
    return {"finding": finding, "rows": rows, "has_stages": bool(stages - {detail["name"]})}


def labelled(page: Page) -> dict[str, Any] | None:
    """Give the figures of each label, weakest first, beside its training rows; None where answers are not labels."""
    detail, label_counts = _labels(page), page.report["data"]["label_counts"]
    if detail is None:
        return None
    ranked = sorted(detail["per_label"], key=lambda row: (row["f1"], -row["rows"]))
    rows = [dict(row) | {"learned_from": label_counts.get(row["label"])} for row in ranked[:MOST_LABELS]]
    summary = page.say("All {n} labels, weakest first", n=written.count(len(ranked)))
    if len(ranked) > MOST_LABELS:
        summary = page.say(
            "The {most} weakest of {n} labels; all are in report.json",
            most=MOST_LABELS,
            n=written.count(len(ranked)),
        )
    return {
        "finding": _weakest([row for row in ranked if row["rows"]], page),
        "summary": summary,
        "rows": rows,
        "is_short": len(rows) <= SHORT_LIST,
    }


def _weakest(ranked: Sequence[Mapping[str, Any]], page: Page) -> str:
    """Name the labels to look at, of those with test rows, weakest first; none where all are faultless."""
    if not ranked:
        return page.say("No label was measured.")
    weak = [row for row in ranked if row["f1"] < 1][:3]
    if not weak:
        return page.say("Every label has an F1 of 100 %.")
    named = page.say.listed(f"“{row['label']}” ({written.percent(row['f1'], 0)})" for row in weak)
    return page.say("The weakest by F1: {named}.", named=named)
