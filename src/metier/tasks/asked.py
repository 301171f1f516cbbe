"""What rows ask of a task, told from the keys of its questions alone: answering needs no label space."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
    """
    if tuple(keys) == ("text",) or (rows.roles.messages is None and "messages" in keys):
        return rows.texts
    if "messages" in keys:
        return [{"messages": turns} for turns in rows.values("messages")]
    columns = [[_plain(value) for value in rows.values(ROLE_OF.get(key, key))] for key in keys]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    """A marked part of a text as its two places."""
    return [value["start"], value["end"]] if isinstance(value, dict) and "start" in value else value
