"""Any number of labels in one column: a list, or one string with a separator between them.

The separator is detected: the first of `|`, `;` and `,` that is in some values. But the same character may be part
of a label ("Washington, D.C."), and then the scores would be about labels that do not exist. So a separator is
refused where its pieces never appear apart; the user then decides with `--separator`.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from metier.data.columns.spans import decode
from metier.data.columns.value_faults import FaultError
from metier.errors import DataError

SEPARATORS = ("|", ";", ",")
WIDE = str.maketrans({"；": ";", "，": ",", "｜": "|", "、": ","})  # Full-width forms in Chinese labels.
NO_SEPARATOR = "none"
# Pieces that appear together this often and never apart are one label.
TIMES_TOGETHER = 2


def is_label_list(value: Any) -> bool:
    """Whether a value is a list of strings or numbers."""
    value = decode(value)
    return isinstance(value, list) and all(
        isinstance(item, str | int) and not isinstance(item, bool) for item in value
    )


def choose_separator(
    values: Sequence[Any], given: str | None, *, known: Collection[str] = (), origin: str, column: str
) -> tuple[str | None, tuple[str, ...]]:
    """Give the separator of the labels of a column, and a note about it; None where there is none.

    Parameters
    ----------
    values : sequence
        The values of the column; lists need no separator.
    given : str or None
        The user's choice: a separator, or `none`.
    known : collection of str
        Known labels; none of them may contain the separator.

    Raises
    ------
    DataError
        If the separator seems to be part of labels.
    """
    if given is not None:
        return (None if given.lower() == NO_SEPARATOR else given), ()
    strings = [value for value in values if isinstance(value, str) and not isinstance(decode(value), list)]
    normalised = [value.translate(WIDE) for value in strings]
    found = next((mark for mark in SEPARATORS if any(mark in value for value in normalised)), None)
    if found is None:
        return None, ()
    within = sorted(label for label in known if found in label)
    if within:
        raise _refused(found, f"the label {within[0]!r} contains it", origin, column)
    stuck = _never_apart(normalised, found)
    if stuck is not None:
        times, whole = stuck
        raise _refused(
            found, f"the pieces of {whole!r} appear together {times} times and never apart", origin, column
        )
    share = sum(found in value for value in normalised) / max(len(normalised), 1)
    return found, (
        f"the labels in {column} are separated by {found!r}, which {share:.0%} of the rows contain (--separator)",
    )


def split_labels(value: Any, separator: str | None) -> list[str]:
    """Give the labels of one row, sorted, each once.

    Raises
    ------
    FaultError
        If the value is neither a list nor a string.
    """
    value = _split(value, separator)
    if any(isinstance(item, list | dict) for item in value):
        raise FaultError(f"{value!r} is not a list of labels.", 'Write ["a", "b"], or a|b.')
    return sorted({str(item).strip() for item in value if item is not None and str(item).strip()})


def pieces(value: Any, separator: str | None) -> Any:
    """Give what stands between the separators of one value, zeros and ones as numbers; None stays None."""
    if value is None:
        return None
    split = _split(value, separator)
    return (
        [int(piece) if piece in ("0", "1") else piece for piece in split] if isinstance(value, str) else split
    )


def _split(value: Any, separator: str | None) -> list[Any]:
    value = decode(value)
    if isinstance(value, str):
        mark = separator if separator is not None and separator in value else None
        if mark is None and separator is not None and separator in value.translate(WIDE):
            value, mark = value.translate(WIDE), separator
        value = value.split(mark) if mark else [value]
    return value if isinstance(value, list) else [value]


def _never_apart(values: Sequence[str], separator: str) -> tuple[int, str] | None:
    """Find a value whose pieces appear together repeatedly and never in any other value.

    Real labels also appear alone or with other labels.
    """
    wholes = Counter(value.strip() for value in values if separator in value)
    whole_of: dict[str, set[str]] = {}
    for value in {value.strip() for value in values}:
        for piece in value.split(separator):
            whole_of.setdefault(piece.strip(), set()).add(value)
    for whole, times in wholes.most_common():
        pieces = [piece.strip() for piece in whole.split(separator)]
        if times >= TIMES_TOGETHER and all(whole_of[piece] == {whole} for piece in pieces):
            return times, whole
    return None


def _refused(separator: str, why: str, origin: str, column: str) -> DataError:
    return DataError(
        f"{separator!r} seems to separate the labels in {column!r} of {origin}, but {why}: it may be part of "
        f"labels. Decide with --separator {separator!r} to split there, another separator, or --separator none "
        "where each row has one label."
    )
