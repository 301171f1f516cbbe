"""One string names an adaptation and its number: `full`, `top:2`, `lora:8`. Nothing here loads torch."""

import json
import re
from dataclasses import dataclass
from typing import Any

from metier.bases.base import Base, GenerativeBase
from metier.errors import SettingsError, suggest

_FORM = re.compile(r"([a-z0-9]+)(?::(\d+))?")
MOST_VECTORS = 512  # Prefixes and prompts: more of them than tokens are no small change any more.


@dataclass(frozen=True)
class Kind:
    """One way to adapt.

    Parameters
    ----------
    place : str
        Where its class is.
    summary : str
    size : int or None
        The number where none is given; None: it takes none.
    unit : str
        What the number counts.
    bound : {"width", "layers", "vectors"}
        What of a base the number cannot exceed; of vectors `MOST_VECTORS`.
    keeps : {"", "encoder", "lower layers", "base weights"}
        What stays as it came: objectives that look there find nothing to do.
    divides : bool
        Whether it trains in layers that several processes divide.
    """

    place: str
    summary: str
    size: int | None = None
    unit: str = ""
    bound: str = "width"
    keeps: str = ""
    divides: bool = False


_HERE = "metier.bases.adaptation"
BASE = "base weights"  # New weights stand beside those of the base.
KINDS = {
    "full": Kind(f"{_HERE}.full:Full", "every weight trains", divides=True),
    "head": Kind(f"{_HERE}.head:HeadAlone", "only the head trains", keeps="encoder", divides=True),
    "top": Kind(
        f"{_HERE}.top_layers:TopLayers",
        "the uppermost layers train",
        2,
        "layers",
        "layers",
        "lower layers",
        True,
    ),
    "lora": Kind(
        f"{_HERE}.low_rank:LowRank", "low-rank matrices beside the weights", 8, "rank", keeps=BASE, divides=True
    ),
    "adalora": Kind(
        f"{_HERE}.adaptive_low_rank:AdaptiveLowRank",
        "low-rank matrices that share a budget of ranks",
        8,
        "rank",
        keeps=BASE,
    ),
    "prefix": Kind(
        f"{_HERE}.prefix:PrefixVectors",
        "keys and values before those of the text",
        16,
        "vectors",
        "vectors",
        BASE,
    ),
    "prompt": Kind(
        f"{_HERE}.prompt:PromptVectors", "word vectors before the text", 16, "vectors", "vectors", BASE
    ),
    "adapter": Kind(
        f"{_HERE}.adapter:Bottleneck", "small networks after each sublayer", 48, "width", keeps=BASE
    ),
    "bitfit": Kind(f"{_HERE}.bitfit:Biases", "only the biases train", divides=True),
    "ia3": Kind(f"{_HERE}.scaling:Scaling", "factors of keys, values and feed-forward activations", keeps=BASE),
}


@dataclass(frozen=True)
class AdaptationName:
    """What to adapt, and how much of it.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    size : int or None
        Layers, rank, vectors or width; None where the kind takes no number.
    """

    kind: str
    size: int | None = None

    def __str__(self) -> str:
        """The string that means it: `lora:8`."""
        return self.kind if self.size is None else f"{self.kind}:{self.size}"


def parse_adaptation(text: str) -> AdaptationName:
    """Read `lora:8`; a number that is left out takes its default.

    Raises
    ------
    SettingsError
        If the name is unknown, or the number is out of range.
    """
    faults = faults_of(text)
    if faults:
        raise SettingsError(faults, origin="The adaptation")
    kind, _, size = _plain(text).partition(":")
    return AdaptationName(kind, int(size) if size else KINDS[kind].size)


def faults_of(text: str) -> list[str]:
    """Give what is wrong with the name of an adaptation; nothing where all is well."""
    found = _FORM.fullmatch(_plain(text))
    kind = KINDS.get(found[1]) if found else None
    if found is None or kind is None:
        known = ", ".join(name if one.size is None else f"{name}:{one.size}" for name, one in KINDS.items())
        hint = suggest(str(text).partition(":")[0], KINDS)
        return [f"adaptation is {text!r}, which is unknown.{hint} Expected one of {known}"]
    if found[2] is not None and kind.size is None:
        return [f"adaptation is {text!r}, but {found[1]} takes no number. Write {found[1]!r}"]
    if found[2] is not None and int(found[2]) < 1:
        instead = f"{found[1]}:{kind.size}"
        return [f"adaptation is {text!r}, which adapts nothing ({kind.unit} from 1 on). Write {instead!r}"]
    return []


def _plain(text: str) -> str:
    return str(text).strip().lower()


def check_fits(text: str, base: Base | GenerativeBase) -> None:
    """Refuse, by the configuration of the base alone, an adaptation that is too large for it.

    Raises
    ------
    SettingsError
        With the nearest adaptation that fits.
    """
    name = parse_adaptation(text)
    config, layers = _config(base), layers_of(base)
    width = _first(config, "hidden_size", "dim", "d_model", "n_embd")
    bound = KINDS[name.kind].bound
    if bound == "layers":
        most, room = layers, f"the base {base.name!r} has {layers} layers"
    elif bound == "vectors":
        most, room = MOST_VECTORS, "more would leave too few positions for the text"
    else:
        most, room = width, f"the base {base.name!r} is {width} wide"
    if name.size is not None and most is not None and name.size > most:
        asked = f"{name.size} {KINDS[name.kind].unit}"
        fault = f"adaptation is {text!r}: {asked}, but {room}. Take '{name.kind}:{most}' or less"
        raise SettingsError([fault], origin="The adaptation")


def layers_of(base: Base | GenerativeBase) -> int | None:
    """Give how many layers a base has; None where its configuration does not say so."""
    return _first(_config(base), "num_hidden_layers", "n_layers", "num_layers", "n_layer")


def _config(base: Base | GenerativeBase) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    return found


def _first(config: dict[str, Any], *keys: str) -> int | None:
    return next((int(config[key]) for key in keys if isinstance(config.get(key), int)), None)
