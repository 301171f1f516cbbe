"""The input kinds, one a file: how inputs are read and checked, and what is shown of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from metier.errors import UnknownNameError
from metier.tasks.inputs.audio import AUDIO
from metier.tasks.inputs.conversation import CONVERSATION
from metier.tasks.inputs.image import IMAGE
from metier.tasks.inputs.kind import InputKind, check_items
from metier.tasks.inputs.marked_text import MARKED_TEXT
from metier.tasks.inputs.pair import PAIR
from metier.tasks.inputs.pair_image import PAIR_IMAGE
from metier.tasks.inputs.question import QUESTION
from metier.tasks.inputs.text import TEXT
from metier.tasks.inputs.text_image import TEXT_IMAGE
from metier.tasks.inputs.text_or_pair import TEXT_OR_PAIR

if TYPE_CHECKING:  # What answers needs no rows, which need Arrow.
    from metier.data.rows import Rows

__all__ = [
    "AUDIO",
    "CONVERSATION",
    "IMAGE",
    "INPUTS",
    "MARKED_TEXT",
    "PAIR",
    "PAIR_IMAGE",
    "QUESTION",
    "TEXT",
    "TEXT_IMAGE",
    "TEXT_OR_PAIR",
    "InputKind",
    "check_items",
    "input_of",
    "input_of_rows",
    "read_any",
    "read_or_seen",
]

INPUTS: dict[str, InputKind] = {
    kind.name: kind
    for kind in (
        *(TEXT, PAIR, MARKED_TEXT, QUESTION, CONVERSATION, PAIR_IMAGE, TEXT_IMAGE, IMAGE, AUDIO, TEXT_OR_PAIR),
    )
}


def input_of(keys: Sequence[str]) -> InputKind:
    """Give the input kind whose questions consist of these keys, as a manifest has them.

    Raises
    ------
    UnknownNameError
        If no kind has them.
    """
    for kind in INPUTS.values():
        if kind.keys == tuple(keys):
            return kind
    raise UnknownNameError(
        "question", " and ".join(keys), known=[" and ".join(k.keys) for k in INPUTS.values()]
    )


def input_of_rows(rows: "Rows") -> InputKind:
    """Give the input kind of what rows ask, as the roles of their columns show it."""
    if rows.has_images:
        return read_or_seen(rows)
    if rows.roles.audio is not None:  # Where somebody has written down what is said, that is asked.
        return TEXT if rows.has_texts else AUDIO
    for kind in INPUTS.values():
        if kind.roles and rows.roles.named.keys() >= set(kind.roles):
            return kind
    return TEXT


def read_or_seen(rows: "Rows") -> InputKind:
    """Give what tasks of one answer a row ask: its text, its image, or both where it has them."""
    if not rows.has_images:
        return TEXT
    return TEXT_IMAGE if rows.has_texts else IMAGE


def read_any(X: Any) -> Sequence[Any]:
    """Give items of whatever kind: texts, or mappings that hold more than one as they are.

    For methods that are made of others, which check what they are asked.
    """
    if isinstance(X, Collection) and not isinstance(X, str):
        first = next(iter(X), None)
        if IMAGE.fault(first) is None or (isinstance(first, Mapping) and set(first) != {"text"}):
            return list(X)
    return TEXT.read(X)
