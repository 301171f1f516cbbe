"""What plug-ins add, by their entry points: read from the disk once for each import path."""

import pkgutil
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

from metier.errors import PlugInError


def plug_ins(group: str) -> Mapping[str, str]:
    """Give the dotted paths that installed plug-ins add to a group, by their names."""
    return _read(group, tuple(sys.path))


def load_plug_in(group: str, name: str, *, parts: Iterable[str] = ()) -> Any:
    """Give what a plug-in adds under a name.

    Parameters
    ----------
    parts : iterable of str
        Attributes that what is added must have.

    Raises
    ------
    PlugInError
        If it cannot be imported, whatever the reason, or lacks a part.
    """
    place = plug_ins(group)[name]
    try:
        found = pkgutil.resolve_name(place)
    except (Exception, SystemExit) as error:  # The code of others: an import runs it, and may end the program.
        raise PlugInError(
            group, name, place, f"it cannot be imported ({type(error).__name__}: {error})"
        ) from error
    check_parts(found, group, name, parts)
    return found


def check_parts(found: Any, group: str, name: str, parts: Iterable[str]) -> None:
    """Raise `PlugInError` if what a plug-in gives lacks one of these attributes."""
    missing = [part for part in parts if not hasattr(found, part)]
    if missing:
        fault = (
            f"{type(found).__name__} {getattr(found, '__name__', '')}".strip() + f" has no {', '.join(missing)}"
        )
        raise PlugInError(group, name, plug_ins(group)[name], fault)


@lru_cache(maxsize=32)  # Reading takes some hundredths of a second, and every name that is resolved asks.
def _read(group: str, path: tuple[str, ...]) -> Mapping[str, str]:
    return {point.name: point.value for point in entry_points(group=group)}
