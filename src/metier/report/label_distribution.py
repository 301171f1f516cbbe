"""How many rows have each label in training, validation and test."""

from collections.abc import Mapping
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page

SHOWN = 30  # Labels in the table; the others are in report.json.


def distribution_section(page: Page) -> dict[str, Any] | None:
    """Give the count and the share of each label in each split; None where answers are not labels."""
    splits: Mapping[str, Mapping[str, int]] = page.report["data"].get("label_counts_by_split") or {}
    counts = {split: found for split, found in splits.items() if found}
    if not counts.get("train"):
        return None
    say = page.say
    totals = {split: sum(found.values()) for split, found in counts.items()}
    labels = sorted(page.report["data"]["labels"], key=lambda label: -counts["train"].get(label, 0))
    columns = [(say("label"), False)]
    for split in counts:
        columns += [(say(split), True), (f"{say(split)}, %", True)]
    return {
        "finding": _finding(page, labels, counts, totals),
        "sentences": [
            say(
                "The {most} most frequent of {n} labels; all are in report.json.",
                most=SHOWN,
                n=written.count(len(labels)),
            )
        ]
        if len(labels) > SHOWN
        else [],
        "tables": [
            {
                "title": say("Rows of each label by split"),
                "columns": columns,
                "rows": [_row(label, counts, totals) for label in labels[:SHOWN]],
            }
        ],
    }


def _row(label: str, counts: Mapping[str, Mapping[str, int]], totals: Mapping[str, int]) -> list[str]:
    cells = [label]
    for split, found in counts.items():
        cells += [written.count(found.get(label, 0)), written.points(found.get(label, 0) / totals[split])]
    return cells


def _finding(
    page: Page,
    labels: list[str],
    counts: Mapping[str, Mapping[str, int]],
    totals: Mapping[str, int],
) -> str:
    say, train = page.say, counts["train"]
    first, last = labels[0], labels[-1]
    finding = say(
        "The most frequent label in training is “{first}” ({most} of {total}), the rarest “{last}” ({least}).",
        first=first,
        most=written.count(train.get(first, 0)),
        total=written.count(totals["train"]),
        last=last,
        least=written.count(train.get(last, 0)),
    )
    if "test" not in counts:
        return finding

    def share(label: str, split: str) -> float:
        return counts[split].get(label, 0) / totals[split]

    moved = max(labels, key=lambda label: abs(share(label, "test") - share(label, "train")))
    shift = say(
        "The shares of test and train differ most for “{label}”: {test} against {train}.",
        label=moved,
        test=written.percent(share(moved, "test")),
        train=written.percent(share(moved, "train")),
    )
    return say.joined([finding, shift])
