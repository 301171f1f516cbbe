"""Questions put differently: edits of their texts that leave alone what a question is about."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from metier.text.augmentation import Way
from metier.text.offsets import apply_edits, move_offsets

ENTITIES = ("head", "tail")
SIDES = ("text", "text_pair")


def change(item: Any, way: Way, random: np.random.Generator) -> Any | None:
    """Give a question as an augmentation puts it; None where nothing can be changed.

    A text is edited whole; of a text with entities these stay as they are, and their places follow; of a pair one side
    is edited.

    Parameters
    ----------
    item : str or mapping
        As `InputKind.from_rows` gives it.
    way : callable
        From a text, the offsets to keep and a generator to edits.
    """
    if isinstance(item, str):
        edits = way(item, (), random)
        return apply_edits(item, edits) if edits else None
    if not isinstance(item, Mapping) or "text" not in item:
        return None
    if all(entity in item for entity in ENTITIES):
        return _marked(item, way, random)
    side = SIDES[int(random.integers(2))] if "text_pair" in item else "text"
    edits = way(item[side], (), random)
    return {**item, side: apply_edits(item[side], edits)} if edits else None


def _marked(item: Mapping[str, Any], way: Way, random: np.random.Generator) -> dict[str, Any] | None:
    kept = [(item[entity][0], item[entity][1]) for entity in ENTITIES]
    edits = way(item["text"], kept, random)
    if not edits:
        return None
    moved = {entity: list(move_offsets(place, edits)) for entity, place in zip(ENTITIES, kept, strict=True)}
    return {**item, "text": apply_edits(item["text"], edits), **moved}
