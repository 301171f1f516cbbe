"""What plug-ins add, by their entry points: read from the disk once for each import path."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import entry_points


def plug_ins(group: str) -> Mapping[str, str]:
    """Give the dotted paths that installed plug-ins add to a group, by their names."""
    return _read(group, tuple(sys.path))


@lru_cache(maxsize=32)  # Reading takes some hundredths of a second, and every name that is resolved asks.
def _read(group: str, path: tuple[str, ...]) -> Mapping[str, str]:
    return {point.name: point.value for point in entry_points(group=group)}
