"""What `metier predict` says of a file that it has answered."""

import sys
from collections.abc import Mapping
from typing import Any

from metier.bundles.output_filter import WITHHELD
from metier.cli.answered_files import LABEL_SET, NOT_ANSWERED, REVIEW
from metier.cli.console import count, duration, percentage, print_line
from metier.cli.speech import spoken


def print_facts(facts: dict[str, Any]) -> None:
    """Print how many rows were answered, how fast and by what, and which of them are for a person."""
    # What goes to stdout must be the rows alone.
    file, say = sys.stderr if facts["output"] == "stdout" else sys.stdout, spoken()
    rows, spent = count(facts["rows"]), duration(facts["seconds"])
    told = {"file": facts["output"], "rows": rows, "time": spent, "rate": count(facts["rows_per_second"])}
    print_line(say("{file}: {rows} row(s|) in {time} ({rate} rows/s)", **told), file=file)
    if facts.get("resumed_after"):
        done = count(facts["resumed_after"])
        print_line(say("resumed after {rows} row(s|) of an earlier call", rows=done), file=file)
    if facts["answered_by"]:
        print_line(_answered_by(facts), file=file)
    if facts.get("not_answered"):
        part = {"rows": count(facts["not_answered"]), "column": NOT_ANSWERED}
        print_line(say("not answered: {rows} row(s|); {column} says why", **part), file=file)
    if "withheld" in facts:
        part = {"rows": count(facts["withheld"]), "column": WITHHELD}
        print_line(say("withheld: {rows} row(s|); {column} says why", **part), file=file)
    if facts.get("empty_sets"):
        part = {"rows": count(facts["empty_sets"]), "share": percentage(facts["empty_sets"] / facts["rows"])}
        print_line(
            say(
                "no label is probable enough: {rows} row(s|) ({share}) with an empty {column}",
                **part,
                column=LABEL_SET,
            ),
            file=file,
        )
    if "needs_review" in facts:
        part = {
            "rows": count(facts["needs_review"]),
            "share": percentage(facts["needs_review"] / facts["rows"]),
        }
        print_line(
            say("for a person: {rows} row(s|) ({share}), where {column} is true", **part, column=REVIEW),
            file=file,
        )


def _answered_by(facts: Mapping[str, Any]) -> str:
    """Say which models answered how many of the rows; of one model no share, which would read like an accuracy."""
    say, by = spoken(), facts["answered_by"]
    columns, total = say.listed(facts["columns"]), facts["rows"]
    if len(by) == 1:
        (name, rows), *_ = by.items()
        told = {"rows": count(rows), "name": name, "columns": columns}
        if rows == total > 1:
            return say("all {rows} row(s|) answered by {name}; new columns: {columns}", **told)
        return say("{rows} row(s|) answered by {name}; new columns: {columns}", **told)
    shares = [
        say("{share} of rows by {name}", share=percentage(rows / total), name=name) for name, rows in by.items()
    ]
    return say("answered {shares}; new columns: {columns}", shares=say(", ").join(shares), columns=columns)
