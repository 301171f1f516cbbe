"""Write docs/methods/*.md from docstrings, of methods and of ensembles: `python scripts/method_pages.py`.

Beside them it writes what `metier methods` lists without importing a method.

A page that was written by hand stays: only pages that open with the mark below are written. A test compares them
with what this would write, so a page cannot drift from its method.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

from metier import catalogue
from metier.fusion.ensemble import ensemble_factory
from metier.selection.method_facts import line_of
from metier.tasks.method_contract import Capabilities
from metier.tasks.task_table import TASKS

DOCS = Path(__file__).resolve().parents[1] / "docs" / "methods"
LIST = Path(catalogue.__file__).with_name(catalogue.LISTED)
MARK = "<!-- Written by scripts/method_pages.py from the method's docstring. -->"
UNDERLINE = re.compile(r"^-{3,}$")


def pages() -> dict[Path, str]:
    """Give the path and text of each page that is written from a docstring, and of the list of them all."""
    written, listed = {}, {}
    for name in (*catalogue.METHODS, *catalogue.RUN_ENSEMBLES):
        path = DOCS / f"{name.rpartition('.v')[0]}.md"
        method = (ensemble_factory if name in catalogue.RUN_ENSEMBLES else catalogue.resolve)(name)
        listed[name] = facts(name, method)
        if not path.exists() or path.read_text("utf-8").startswith(MARK):
            written[path] = page(name, method)
    written[LIST] = json.dumps(listed, ensure_ascii=False, indent=1) + "\n"
    return written


def facts(name: str, method: Any) -> dict[str, Any]:
    """What a list tells of one method."""
    stated, usual = vars(catalogue.capabilities(name)), vars(Capabilities())
    own = {key: value for key, value in stated.items() if key == "cost" or value != usual[key]}
    parameters = sections_of(inspect.getdoc(method) or "").get("Parameters", "")
    return {
        "line": line_of(method),
        "capabilities": own,
        "settings": [list(one) for one in documented(parameters, method)] if parameters else [],
    }


def page(name: str, method: Any) -> str:
    """The page of one method."""
    sections = sections_of(inspect.getdoc(method) or "")
    summary, _, rest = sections.pop("", "").partition("\n\n")
    tasks = [task for task, known in TASKS.items() if name in (*known.methods, *known.ensembles)]
    parts = [MARK, f"# {name}", summary, rest, used_in(name, tasks)]
    if "Parameters" in sections:
        parts.append("## Settings\n\n" + "\n".join(settings(sections["Parameters"], method, name)))
    if "References" in sections:
        parts.append("## References\n\n" + "\n".join(references(sections["References"])))
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def used_in(name: str, tasks: list[str]) -> str:
    """Describe for which tasks a method is a default candidate, and how to select it."""
    short = name.rpartition(".v")[0]
    if tasks:
        return f"A default candidate of the task {' and '.join(f'`{task}`' for task in tasks)}."
    return f"Not a default candidate; select it with `--candidates {short},…`."


def sections_of(text: str) -> dict[str, str]:
    """Split a numpy docstring into sections; the text before the first has the empty name."""
    found: dict[str, list[str]] = {"": []}
    current = ""
    for line in text.splitlines():
        if UNDERLINE.match(line) and found[current]:
            current = found[current].pop()
            found[current] = []
        else:
            found[current].append(line)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def settings(text: str, method: Any, name: str) -> list[str]:
    """One line per parameter, with the way to set it."""
    short = name.rpartition(".v")[0]
    lines = [f"Set with `--set methods.{short}.NAME=VALUE`, or as arguments of `{method.__name__}`.", ""]
    for names, kind, words in documented(text, method):
        lines.append(f"- `{names}`{f' ({kind})' if kind else ''}{': ' + words if words else ''}")
    return lines


def documented(text: str, method: Any) -> list[tuple[str, str, str]]:
    """Names, type and description of each parameter; `see Parent` is resolved there."""
    found, inherited = [], []
    for block in re.split(r"\n(?=\S)", text):
        head, _, body = block.partition("\n")
        names, _, kind = head.partition(" : ")
        parent = re.fullmatch(r"see `(\w+)`", kind)
        if parent:
            above = next(one for one in method.__mro__ if one.__name__ == parent.group(1))
            inherited += documented(sections_of(inspect.getdoc(above) or "")["Parameters"], above)
        else:
            found.append((names, kind, " ".join(line.strip() for line in body.splitlines())))
    own = {name for names, _, _ in found for name in names.split(", ")}
    return found + [one for one in inherited if not own & set(one[0].split(", "))]


def references(text: str) -> list[str]:
    """One line per paper."""
    entries = re.split(r"^\.\. \[\d+\] ", text, flags=re.MULTILINE)[1:]
    return [f"{number}. {' '.join(entry.split())}" for number, entry in enumerate(entries, start=1)]


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
