"""What the check found in the rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page

SEVERITIES = {"error": "✗", "warning": "!", "note": "·"}


def check_section(page: Page) -> dict[str, Any]:
    """Give what was found wrong with the rows, errors first."""
    findings: Sequence[Mapping[str, Any]] = page.report["audit"]
    order = list(SEVERITIES)
    ranked = sorted(findings, key=lambda each: order.index(each["severity"]))
    counts = [(severity, sum(each["severity"] == severity for each in findings)) for severity in SEVERITIES]
    listed = ", ".join(
        f"{number} {severity}{'s' if number > 1 else ''}" for severity, number in counts if number
    )
    finding = (
        f"{listed}. Nothing was dropped unless it is reported here."
        if listed
        else "No problem was found in the rows."
    )
    return {
        "finding": finding,
        "findings": [
            {
                "severity": each["severity"],
                "mark": SEVERITIES[each["severity"]],
                "sentence": each["sentence"],
                "remedy": each["remedy"],
                "examples": [_example(example) for example in each["examples"]],
            }
            for each in ranked
        ],
    }


def _example(example: Any) -> dict[str, str]:
    """Give the text of an example row, and beside it the number of the row and what else explains it."""
    if not isinstance(example, Mapping):
        return {"text": str(example), "aside": ""}
    rest = [f"{key} {written.plain(value)}" for key, value in example.items() if key not in ("text", "like")]
    like = [f"like “{example['like']}”"] if example.get("like") else []
    return {"text": written.plain(example.get("text")), "aside": ", ".join(rest + like)}
