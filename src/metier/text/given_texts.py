"""The texts of what somebody handed in: the input of a method, checked, and an item of any task as one text."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from metier.arguments import check_is_list
from metier.errors import EmptyDataError, WrongTypeError


@runtime_checkable
class Array(Protocol):
    """A numpy array, a pandas Series or the like; the libraries need not be loaded to know one."""

    def tolist(self) -> Any:
        """Give its values as Python has them."""
        ...


class StoredTexts(Sequence[str]):
    """Texts stored outside Python and read on access; passed on without making a list."""


@runtime_checkable
class OfTexts(Protocol):
    """What has texts: `Rows`, whose class would load Arrow."""

    @property
    def texts(self) -> Any:
        """The text of each row."""
        ...


def as_texts(X: Any) -> Sequence[str]:
    """Give the texts of the input of a method.

    Parameters
    ----------
    X : Rows, Texts, sequence of str, sequence of mappings with a `text` key, pandas Series, or ndarray of str
        The input of `fit` or `predict`.

    Raises
    ------
    EmptyDataError
        If there is nothing in it.
    WrongTypeError
        If it does not hold texts.
    """
    if type(X) is list and X and all(type(text) is str for text in X):
        return list(
            X
        )  # As almost every caller has them; looking through a protocol takes longer than answering.
    X = X.texts if isinstance(X, OfTexts) and isinstance(X.texts, StoredTexts) else X
    if not isinstance(X, Array):
        check_is_list(X, "text")
    if isinstance(X, StoredTexts):
        texts: Sequence[str] = X
    else:
        values = X.tolist() if isinstance(X, Array) else list(X)
        texts = [_as_text(value, position) for position, value in enumerate(values)]
    if len(texts) == 0:
        raise EmptyDataError(
            "Expected at least one text, found none. 0 sample(s) were given; a minimum of 1 is required."
        )
    return texts


def _as_text(value: Any, position: int) -> str:
    if isinstance(value, Mapping):  # What has an image may have no text.
        value = value.get("text") or ("" if "image" in value else value.get("text"))
    if not isinstance(value, str):
        raise WrongTypeError(
            f"Expected a text at position {position}, found {type(value).__name__}. "
            "Give a list of str, a list of mappings with a 'text' key, or Rows."
        )
    return value


def text_of(item: Any) -> str:
    """Give a text unchanged; for a pair, question or conversation, its texts joined with spaces."""
    if isinstance(item, str):
        return item
    values = item.values() if isinstance(item, Mapping) else item
    return " ".join(text_of(value) for value in values if isinstance(value, str | Mapping | list | tuple))
