"""What kinds of bases there are, by what they do, and how a command line names one of each."""

from collections.abc import Iterable
from typing import Any, Literal

from metier.errors import CallError

BaseKind = Literal["text", "writer", "image"]
SPEECH = "speech"  # Its base is a setting of speech, which turns recordings into texts for every method.
# What a method's base does (`Capabilities.base_does`), and what such bases are called in settings.
BASE_KINDS: dict[str, BaseKind] = {"reads": "text", "writes": "writer", "sees": "image"}


def named_bases(names: Iterable[str]) -> dict[str, Any]:
    """Give the settings of names as a command line has them: `NAME`, or `image=NAME` and `speech=NAME` for one kind.

    Raises
    ------
    CallError
        If two of the names are for the same methods.
    """
    given: dict[str, Any] = {}
    bases: dict[str, str] = {}
    speech: dict[str, str] = {}
    for name in names:
        kind, separator, own = name.partition("=")
        place, key, value = given, "base", name
        if separator and kind in BASE_KINDS.values():
            place, key, value = bases, kind, own
        elif separator and kind == SPEECH:
            place, value = speech, own
        if key in place:
            raise CallError(
                f"--base names two models, {place[key]} and {value}. Keep one, or one for each kind: image=NAME."
            )
        place[key] = value
    return given | {name: found for name, found in (("bases", bases), (SPEECH, speech)) if found}
