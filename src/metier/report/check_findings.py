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
    say = page.say
    listed = say.listed(
        say(f"{{n}} {severity}s" if number > 1 else f"{{n}} {severity}", n=number)
        for severity, number in counts
        if number
    )
    finding = (
        say("{listed}. Nothing was dropped unless it is reported here.", listed=listed)
        if listed
        else say("No problem was found in the rows.")
    )
    return {
        "finding": finding,
        "findings": [
            {
                "severity": each["severity"],
                "named": say(each["severity"]),
                "mark": SEVERITIES[each["severity"]],
                "sentence": say.told(each["sentence"]),
                "remedy": _remedy(page, each["remedy"]),
                "examples": [_example(page, example) for example in each["examples"]],
            }
            for each in ranked
        ],
    }


def _remedy(page: Page, remedy: str) -> str:
    return page.say.command(remedy) if remedy.startswith("metier ") else page.say.told(remedy)


def _example(page: Page, example: Any) -> dict[str, Any]:
    """Give the text of an example row, and beside it the number of the row and what else explains it."""
    if not isinstance(example, Mapping):
        return {"text": str(example), "aside": "", "picture": None}
    say = page.say
    rest = [
        f"{say(key)} {say.translated(value) if key == 'found' else written.plain(value)}"
        for key, value in example.items()
        if key not in ("text", "like", "picture")
    ]
    like = [say("like “{text}”", text=example["like"])] if example.get("like") else []
    aside = say(", ").join(rest + like)
    return {"text": written.plain(example.get("text")), "aside": aside, "picture": example.get("picture")}
