"""What `metier serve` serves, as its arguments say it: one bundle, or several by name."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from metier.bundles import Bundle, load_bundle, resolve_bundle
from metier.bundles.output_filter import OutputFilter, filtered
from metier.errors import CallError
from metier.registry.names import check_name
from metier.serving.models import Load


def loads_of(given: Sequence[str], judge: OutputFilter | None = None) -> Load | Mapping[str, Load]:
    """Give what loads the one bundle that is given, or each of several by its name: `NAME=RUN_OR_BUNDLE`.

    Raises
    ------
    CallError
        If several are given and one has no name, two have the same, or a path does not exist.
    WrongTypeError
        If a name is not one of letters, digits, `_` and `-`.
    """
    if len(given) == 1 and not _is_named(given[0]):
        return load_of(Path(given[0]), judge)
    found: dict[str, Load] = {}
    for one in given:
        name, sign, path = one.partition("=")
        if not sign:
            raise CallError(
                f"{one} has no name, and {len(given)} bundles are served. Give each one: NAME={one}"
            )
        check_name(name, "name of a model")
        if name in found:
            raise CallError(f"Two bundles are called {name!r}. Give each a name of its own.")
        found[name] = load_of(Path(path), judge)
    return found


def load_of(path: Path, judge: OutputFilter | None = None) -> Callable[[], Bundle]:
    """Give what loads a bundle, which is looked for at once; raises what `resolve_bundle` does."""
    return functools.partial(load_served, resolve_bundle(path), judge)


def load_served(folder: Path, judge: OutputFilter | None = None) -> Bundle:
    """Load a bundle to be served: one thread a request, else each would take cores from the others."""
    loaded = load_bundle(folder, threads=1)
    return loaded if judge is None else filtered(loaded, judge)


def _is_named(given: str) -> bool:
    return "=" in given and not Path(given).exists()
