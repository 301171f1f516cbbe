"""What is wrong with the settings of a watch, a sentence a fault; a value that may hold a password is never said."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

PLAIN_TYPES = (bool, int, float, type(None))
# What pydantic says, in words of a file of settings.
PLAINER = {
    "tuple_type": "Input should be a valid list",
    "path_type": "expected the path of a file",
    "dict_type": "Input should be a valid dictionary",
    "model_type": "Input should be a valid dictionary",
    "model_attributes_type": "Input should be a valid dictionary",
    "dataclass_type": "Input should be a valid dictionary",
    "union_tag_not_found": "its kind is missing",
    "string_pattern_mismatch": "it is not of the form that is expected",
}


def sentences_of(error: ValidationError, known: Iterable[str]) -> list[str]:
    """Give a sentence for each fault.

    Parameters
    ----------
    known : iterable of str
        The names of settings, for a hint where one is misspelt.
    """
    faults = error.errors()
    places = [fault["loc"] for fault in faults]
    names = list(known)
    return [
        _sentence(fault, names)
        for fault in faults
        if fault["type"] != "too_short" or not _is_within(places, fault["loc"])
    ]


def _is_within(places: Iterable[Sequence[Any]], loc: Sequence[Any]) -> bool:
    """Whether a fault lies within another: a list is then too short only since a part of it is wrong."""
    return any(len(place) > len(loc) and place[: len(loc)] == loc for place in places)


def _sentence(fault: Any, known: Sequence[str]) -> str:
    where = ".".join(str(part) for part in fault["loc"] if part != "[key]") or "settings"
    if fault["type"] == "extra_forbidden":
        return f"{where}: no such setting.{_nearest(fault['loc'], known)}"
    if fault["type"] == "missing":
        return f"{where}: missing, and it must be there"
    message = _message(fault)
    if fault["loc"][:1] == ("alerts",) or not fault["loc"] or _may_hold_secret(fault["input"]):
        return f"{where}: {message}; what was found is not shown, as it may hold a password"
    return f"{where}: {message}; found {fault['input']!r:.60}"


def _message(fault: Mapping[str, Any]) -> str:
    told: Mapping[str, Any] = fault.get("ctx", {})
    if fault["type"] == "too_short":
        return f"expected {told['min_length']} or more"
    if fault["type"] == "union_tag_invalid":
        return f"no kind has this name; known are {str(told['expected_tags']).replace(chr(39), '')}"
    found = PLAINER.get(fault["type"]) or str(fault["msg"])
    return found.removeprefix("Value error, ").removesuffix(".")


def _may_hold_secret(value: Any) -> bool:
    """Whether a value, or one in it, may be a URL, which has its password in it, or a password itself."""
    if isinstance(value, PLAIN_TYPES):
        return False
    return any(sign in repr(value) for sign in ("://", "@", "password", "token", "secret"))


def _nearest(loc: Sequence[Any], known: Sequence[str]) -> str:
    if len(loc) != 1:
        return ""
    near = difflib.get_close_matches(str(loc[0]), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
