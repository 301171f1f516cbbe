"""The rows of one finding in the terminal: `metier check --show NAME`."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from metier.cli.console import answer_console, count, print_json
from metier.cli.speech import spoken


def show_findings(name: str, findings: list[Any], *, most: int, as_json: bool) -> None:
    """Print the rows of the findings of one name, as a table or as JSON."""
    if as_json:
        print_json(
            [finding.as_dict() | {"examples": list(finding.plain_examples[:most])} for finding in findings]
        )
        return
    console, say = answer_console(), spoken()
    if not findings:
        console.print(Text(say("{name}: nothing was found", name=name)), soft_wrap=True)
    for finding in findings:
        console.print(Text(f"{say.told(finding.sentence)} [{finding.origin}]"), soft_wrap=True)
        if "rule" in finding.facts:
            console.print(Text(say("rule: {rule}", rule=say.told(finding.facts["rule"]))), soft_wrap=True)
        examples = finding.plain_examples[:most]
        if examples:
            console.print(_examples_table(examples))
        left = len(finding.examples) - len(examples)
        if left > 0:
            console.print(
                Text(
                    say(
                        "… {n} more (--most {all}; --json has every row number)",
                        n=count(left),
                        all=len(finding.examples),
                    )
                )
            )
        if finding.remedy and not finding.remedy.startswith("metier check"):
            console.print(Text(say("next: {command}", command=say.told(finding.remedy))), soft_wrap=True)


def _examples_table(examples: tuple[Mapping[str, Any], ...]) -> Table:
    # rich measures Chinese characters as two cells, so the columns line up.
    # What was found comes before the text, which may be long.
    names, say = [name for name in examples[0] if name != "text"], spoken()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        number = name in ("row", "group", "characters", "score")
        table.add_column(say(name), justify="right" if number else "left", no_wrap=number, overflow="fold")
    table.add_column(say("text"), overflow="fold", ratio=1)
    for example in examples:
        values = ["" if example.get(name) is None else str(example[name]) for name in names]
        values = [
            say.translated(value) if name == "found" else value
            for name, value in zip(names, values, strict=True)
        ]
        table.add_row(*(Text(value) for value in [*values, example["text"]]))
    return table
