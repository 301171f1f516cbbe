"""What `metier serve` serves, as its arguments say it: one bundle, or several by name."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metier.bundles import Bundle, load_bundle, resolve_bundle
from metier.bundles.output_filter import OutputFilter, filtered
from metier.bundles.signing import check_signature
from metier.cli.memory_options import AskedMemory
from metier.dialogue.memory import remembering
from metier.errors import CallError
from metier.registry.names import check_name
from metier.serving.guards.masking import masked_bundle
from metier.serving.guards.settings import MaskPolicy
from metier.serving.models import Load


@dataclass(frozen=True)
class Loading:
    """How bundles are loaded to be served.

    Parameters
    ----------
    judge : OutputFilter or None
        What withholds written texts.
    mask : MaskPolicy or None
        For personal data; None: as the bundle says.
    trusted_keys : Path or None
        A bundle has to be signed by one of these keys.
    memory : AskedMemory or None
        What conversations are remembered in.
    """

    judge: OutputFilter | None = None
    mask: MaskPolicy | None = None
    trusted_keys: Path | None = None
    memory: AskedMemory | None = None


AS_IT_IS = Loading()


def loads_of(given: Sequence[str], how: Loading = AS_IT_IS) -> Load | Mapping[str, Load]:
    """Give what loads the one bundle that is given, or each of several by its name: `NAME=RUN_OR_BUNDLE`.

    Raises
    ------
    CallError
        If several are given and one has no name, two have the same, or a path does not exist.
    WrongTypeError
        If a name is not one of letters, digits, `_` and `-`.
    """
    if len(given) == 1 and not _is_named(given[0]):
        return load_of(Path(given[0]), how)
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
        found[name] = load_of(Path(path), how)
    return found


def load_of(path: Path, how: Loading = AS_IT_IS) -> Callable[[], Bundle]:
    """Give what loads a bundle, which is looked for at once; raises what `resolve_bundle` does."""
    return functools.partial(load_served, resolve_bundle(path), how)


def load_served(folder: Path, how: Loading = AS_IT_IS) -> Bundle:
    """Load a bundle to be served: one thread a request, else each would take cores from the others."""
    if how.trusted_keys is not None:
        check_signature(folder, how.trusted_keys)
    loaded = load_bundle(folder, threads=1)
    loaded = loaded if how.judge is None else filtered(loaded, how.judge)
    loaded = masked_bundle(loaded) if (how.mask or loaded.manifest.mask) == "input" else loaded
    return loaded if how.memory is None else remembering(loaded, how.memory.opened())


def _is_named(given: str) -> bool:
    return "=" in given and not Path(given).exists()
