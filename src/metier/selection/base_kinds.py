"""What kinds of bases there are, by what they do, and how a command line names one of each, or several to compare."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from metier.errors import CallError

BaseKind = Literal["text", "writer", "image"]
SPEECH = "speech"  # Its base is a setting of speech, which turns recordings into texts for every method.
# What a method's base does (`Capabilities.base_does`), and what such bases are called in settings.
BASE_KINDS: dict[str, BaseKind] = {"reads": "text", "writes": "writer", "sees": "image"}
# What `--base all` compares: the installed ones, by what methods do with them.
EVERY = "all"
COMPARED = {"reads": "encoder", "sees": "image", "writes": "writer"}


def named_bases(names: Iterable[str]) -> dict[str, Any]:
    """Give the settings of names as a command line has them: `NAME`, or `image=NAME` and `speech=NAME` for one kind.

    `A,B,C` names several that are compared, and `all` every one that is installed.

    Raises
    ------
    CallError
        If two of the names are for the same methods.
    """
    given: dict[str, Any] = {}
    bases: dict[str, str] = {}
    speech: dict[str, str] = {}
    compared: list[str] = []
    for name in names:
        kind, separator, own = name.partition("=")
        place, key, value = given, "base", name
        if (several := _several(name)) is not None:
            compared += several
            continue
        if separator and kind in BASE_KINDS.values():
            place, key, value = bases, kind, own
        elif separator and kind == SPEECH:
            place, value = speech, own
        if key in place:
            raise CallError(
                f"--base names two models, {place[key]} and {value}. Keep one, or one for each kind: image=NAME."
            )
        place[key] = value
    if compared and "base" in given:
        raise CallError(
            f"--base names {given['base']}, and {', '.join(compared)} to compare. Write all that are to be compared in "
            f"one: --base {','.join([given['base'], *compared])}."
        )
    further = (("bases", bases), (SPEECH, speech), ("compare_bases", tuple(compared)))
    return given | {name: found for name, found in further if found}


def _several(name: str) -> list[str] | None:
    """Give the names that are to be compared; None where one base is named, a folder with a comma in its name too."""
    if name == EVERY:
        return [EVERY]
    if "," not in name or Path(name).exists():
        return None
    found = [part.strip() for part in name.split(",")]
    if not all(found) or len(set(found)) < len(found):
        raise CallError(
            f"--base is {name!r}, expected different names with commas between them: minilm,e5-multilingual."
        )
    return found
