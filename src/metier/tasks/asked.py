"""What rows ask of a model, by the keys of its questions alone: answering needs no label space."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metier.tasks.inputs import input_of

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows


def items_of(rows: "Rows", keys: Sequence[str]) -> Sequence[Any]:
    """Give what the rows ask: texts, or mappings with these keys.

    Raises
    ------
    MissingColumnError
        If a column is missing that a key needs.
    EntityError
        If a marked entity is not where its offsets say.
    """
    return input_of(keys).from_rows(rows)
