"""Read rows by the columns that a model was trained with."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from metier.errors import MissingColumnError

Read = TypeVar("Read")


def with_columns(trained: Mapping[str, str], reading: Callable[..., Read], **how: Any) -> Read:
    """Call a function of `data.reading` with the columns of the training rows.

    Parameters
    ----------
    trained : mapping of str to str
        The column of each role in the training rows; one that a source lacks is inferred.
    reading : callable
        Takes columns by their role, and raises MissingColumnError where one does not exist.
    **how
        What the user states, which overrules; None: nothing.

    Raises
    ------
    MissingColumnError
        If a column that the user states does not exist.
    """
    given = {name: value for name, value in how.items() if value is not None}
    stored = {role: column for role, column in trained.items() if role not in given}
    while True:
        try:
            return reading(**stored, **given)
        except MissingColumnError as error:
            missing = [role for role, column in stored.items() if column == error.column]
            if not missing:
                raise
            for role in missing:
                del stored[role]
