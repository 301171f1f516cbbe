"""What `metier serve --registry` serves: models of a registry, each by its aliases."""

import functools
from collections.abc import Sequence
from pathlib import Path

from metier.cli.served import AS_IT_IS, Loading, load_served
from metier.serving.served_registry import ServedRegistry
from metier.serving.wanted import Wanted


def loaded_registry(
    folder: Path, names: Sequence[str], how: Loading = AS_IT_IS, *, url: str | None = None
) -> ServedRegistry:
    """Give the models of a registry that are named `NAME`, `NAME@ALIAS` or `NAME/3`; without names every champion.

    Raises
    ------
    WrongTypeError
        If a name is not one of letters, digits, `_` and `-`.
    UnknownNameError
        If a version is not a number.
    """
    wanted = dict.fromkeys(map(Wanted.of, names))
    return ServedRegistry(folder, functools.partial(load_served, how=how), url=url, wanted=tuple(wanted))
