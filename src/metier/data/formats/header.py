"""Whether the first line of a table names the columns, or is a row like the others."""

from collections.abc import Sequence

from metier.data.columns.role_inference import KNOWN_NAMES, level
from metier.data.columns.roles import NAMES, WEAK_LABEL_NAMES

HEADER_ROWS = 2_000  # Rows that the first is compared with.
_NAMES = {name for tiers in NAMES.values() for names in tiers for name in names}
_KNOWN = KNOWN_NAMES | (_NAMES - WEAK_LABEL_NAMES)


def is_row(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first line is a row: no field is a usual name, and one is a value of its own column.

    A label in the first line is one of those below it, and so is a number where a column holds nothing else. Numbers
    that count the columns from 0 are names, as data frames write them.
    """
    first = [field.strip() for field in first]
    if len(first) < 2 or not rows or any(level(field) in _KNOWN for field in first):
        return False
    if first == [str(position) for position in range(len(first))]:
        return False
    columns = [
        {row[position].strip() for row in rows if len(row) == len(first)} for position in range(len(first))
    ]
    return any(
        field and (field in column or (_is_number(field) and column and all(map(_is_number, column))))
        for field, column in zip(first, columns, strict=True)
    )


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
