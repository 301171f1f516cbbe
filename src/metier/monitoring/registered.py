"""Bundles of a watch that are named as in a registry: `support@champion`, and the version that this points to now."""

from collections.abc import Mapping
from pathlib import Path

from metier.errors import CallError
from metier.registry.registry import CHAMPION, Registry

SIGN = "@"


def with_registered(bundles: Mapping[str, Path], folder: Path | None) -> dict[str, Path]:
    """Give the folders of bundles, those of the registry in place of their names there.

    Parameters
    ----------
    bundles : mapping of str to Path
        The last part of a path may be `NAME@ALIAS`.
    folder : Path or None
        The registry; None: there is none, and all are paths.

    Raises
    ------
    CallError
        If there is no registry at the folder.
    UnknownNameError
        If the registry has no such model or alias.
    """
    if folder is None:
        return dict(bundles)
    if not folder.is_dir():
        raise CallError(
            f"There is no registry at {folder}, which the settings name. Begin one with metier registry add, or leave "
            "registry out."
        )
    registry = Registry(folder)
    return {
        name: _folder(registry, path) if SIGN in path.name and not path.exists() else path
        for name, path in bundles.items()
    }


def _folder(registry: Registry, path: Path) -> Path:
    name, _, alias = path.name.partition(SIGN)
    return registry.version(name, alias or CHAMPION).folder
