"""What rows ask of a task, told from the keys of its questions alone: answering needs no label space."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metier.tasks.entity_pairs import ENTITIES, as_entity_pairs

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

# Under these keys stands another role's column.
ROLE_OF = {"passage": "text"}


def items_of(rows: "Rows", keys: Sequence[str]) -> Sequence[Any]:
    """Give what the rows ask: texts, or mappings with these keys.

    Raises
    ------
    MissingColumnError
        If a column is missing that a key needs.
    EntityError
        If a marked entity is not where its offsets say.
    """
    if tuple(keys) == ("text",) or (rows.roles.messages is None and "messages" in keys):
        return rows.texts
    if "messages" in keys:
        return [{"messages": turns} for turns in rows.values("messages")]
    if "head" in keys:
        return _marked(rows)
    columns = [rows.values(ROLE_OF.get(key, key)) for key in keys]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


def _marked(rows: "Rows") -> list[dict[str, Any]]:
    for entity in ENTITIES:
        rows.values(entity)  # Says which rows have none.
    # The columns themselves, since an entity may say its type besides its place.
    places = zip(rows.values("text"), *map(rows.column, ENTITIES), strict=True)
    marked = [{"text": text, "head": head, "tail": tail} for text, head, tail in places]
    return as_entity_pairs(marked, origin=rows.origin)
