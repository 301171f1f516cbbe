"""Which bases are known by a short name: ours, and those of plug-ins (entry point group `metier.bases`)."""

import pkgutil

from metier.bases.known_base import KnownBase
from metier.plug_ins import plug_ins

# Short name of a base: where its entry, a `KnownBase`, stands; a plug-in's entry point says the same.
BASES = {
    "minilm": "metier.bases.known.minilm:MINILM",
    "e5-multilingual": "metier.bases.known.e5_multilingual:E5_MULTILINGUAL",
    "smollm2": "metier.bases.known.smollm2:SMOLLM2",
}


def base_names() -> list[str]:
    """Give every known short name, ours first."""
    return [*BASES, *(name for name in plug_ins("metier.bases") if name not in BASES)]


def known_base(name: str) -> KnownBase | None:
    """Give the entry of a short name; None where it is none."""
    place = BASES.get(name)
    if place is None and "/" not in name:  # A path or a hub name is none, and plug-ins take a while to look up.
        place = plug_ins("metier.bases").get(name)
    if place is None:
        return None
    entry: KnownBase = pkgutil.resolve_name(place)
    return entry


def available_bases() -> list[KnownBase]:
    """Give every entry, ours first, installed or not; nothing is loaded or converted."""
    return [base for name in base_names() if (base := known_base(name)) is not None]
