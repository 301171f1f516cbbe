"""The Basic Application Level Confidentiality Profile: which attribute is removed, emptied or replaced.

`basic_profile.csv` holds the actions of PS3.15 Table E.1-1 (edition 2026c) by tag; where a tag has `x` any digit
stands. Of an action with a choice, as `X/Z/D`, the standard wants the one that keeps the file valid for its kind. That
is known only for each kind, so the one that keeps every kind valid is taken: a replacement before an empty value before
removal. Attributes that the table does not name stay, except those of `elsewhere`.
"""

import csv
import functools
from enum import Enum
from importlib.resources import files

PACKAGE, TABLE = "metier.image.dicom", "basic_profile.csv"
SOURCE = "PS3.15 Table E.1-1, edition 2026c"
ANY_DIGIT = "x"


class Action(Enum):
    """What is done with an attribute; the values are the codes of the standard."""

    REPLACE = "D"
    EMPTY = "Z"
    REMOVE = "X"
    REPLACE_UID = "U"


# Of the codes of a choice the first here that is among them.
PREFERRED = (Action.REPLACE_UID, Action.REPLACE, Action.EMPTY, Action.REMOVE)


def action_of(tag: int) -> Action | None:
    """Give what the table says of an attribute; None: nothing.

    Parameters
    ----------
    tag : int
        Group and element, as 0x00100010.
    """
    name = f"{tag:08X}"
    exact, patterns = _table()
    if name in exact:
        return exact[name]
    return next((action for pattern, action in patterns if _fits(name, pattern)), None)


@functools.cache
def _table() -> tuple[dict[str, Action], list[tuple[str, Action]]]:
    lines = (files(PACKAGE) / TABLE).read_text("utf-8").splitlines()
    actions = {row["tag"]: _chosen(row["action"]) for row in csv.DictReader(lines)}
    patterns = [(tag, action) for tag, action in actions.items() if ANY_DIGIT in tag]
    return {tag: action for tag, action in actions.items() if ANY_DIGIT not in tag}, patterns


def _chosen(codes: str) -> Action:
    among = codes.rstrip("*").split("/")
    return next(action for action in PREFERRED if action.value in among)


def _fits(name: str, pattern: str) -> bool:
    return all(wanted in (ANY_DIGIT, digit) for wanted, digit in zip(pattern, name, strict=True))
