"""Whether several processes can train the models of a run as they are asked to: said before any work.

The settings are looked at first; then, once it is known what a run stands on, the bases whose layers are to be divided; and
each job once more before its processes start, with the arguments that it really has.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from metier import catalogue
from metier.bases.adaptation.divided_layers import division_faults
from metier.bases.known_base import known_base
from metier.bases.known_bases import find_folder, names_for, read_json, resolve_base
from metier.errors import MissingExtraError, SettingsError
from metier.tasks.method_contract import Capabilities
from metier.training.parallel_settings import (
    Parallel,
    check_parallel,
    environment_of,
    parallel_here,
    tensor_faults,
)
from metier.training.sharding_settings import shard_faults

_FAULTS: Mapping[str, Callable[[str | None, str | None, str | None], list[str]]] = {
    "shards": shard_faults,
    "tensor": tensor_faults,
}


def check_together(
    methods: Mapping[str, Mapping[str, Any]],
    *,
    parallel: Parallel | None,
    processes: int,
    on: str | None = None,
) -> None:
    """Refuse settings that contradict one another, or what methods cannot be trained with so.

    Parameters
    ----------
    methods : mapping of str to mapping
        Arguments by the names of methods.

    Raises
    ------
    CallError
        With a sentence for each fault.
    """
    check_parallel(parallel, processes=processes, on=on, environment=os.environ)
    how = parallel_here(environment_of(parallel, os.environ))
    if processes == 1 or how not in _FAULTS:
        return
    faults = [
        f"in {name}: {fault}"
        for name, given in methods.items()
        for fault in _FAULTS[how](given.get("adaptation"), given.get("objective"), given.get("optimizer"))
    ]
    if faults:
        raise SettingsError(faults, origin="The settings")


def check_divided(
    candidates: Iterable[str], bases: Mapping[str, Iterable[Any]], *, parallel: Parallel | None, processes: int
) -> None:
    """Refuse bases whose layers so many processes cannot divide.

    Parameters
    ----------
    candidates : iterable of str
        Versioned names; those that several processes train count.
    bases : mapping of str to iterable
        The bases by what methods do with them: reads or writes.

    Raises
    ------
    SettingsError
        With a sentence for each base.
    """
    if parallel != "tensor":
        return
    does = {one.base_does for one in map(_stated, candidates) if one is not None and one.trains_together}
    named = [(kind, base) for kind in sorted(does & bases.keys()) for base in bases[kind]]
    faults = [fault for kind, base in named for fault in _faults_of(kind, base, processes)]
    if faults:
        raise SettingsError(faults, origin="The base")


def _stated(name: str) -> Capabilities | None:
    try:
        return catalogue.capabilities(name)
    except MissingExtraError:  # The plan drops it with that reason.
        return None


def _faults_of(does: str, base: Any, processes: int) -> list[str]:
    if does not in ("reads", "writes"):
        return []  # Those that see or hear say so themselves, once they are loaded.
    try:
        folder = resolve_base(base).folder if does == "reads" else _folder_of_writer(str(base))
    except MissingExtraError:
        return []
    return [f"base {base}: {fault}" for fault in division_faults(read_json(folder / "config.json"), processes)]


def _folder_of_writer(name: str) -> Path:
    """Find the folder of a base that writes, without loading what could read it."""
    known = known_base(names_for("writer")[0] if name == "auto" else name)
    return find_folder(name, use="writer") if known is None else known.folder()
