"""The arguments of what Python calls: of the right type, or a sentence that says what was found and what is expected."""

import math
import numbers
import operator
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from metier.errors import CallError, WrongTypeError

MOST_SHOWN = 60  # Characters of a value in a message.


def wrong_type(name: str, found: Any, *, expected: str) -> WrongTypeError:
    """Give the error to raise for an argument of another type than is expected."""
    written = repr(found)
    shown = written if len(written) <= MOST_SHOWN else f"{written[:MOST_SHOWN]}…"
    return WrongTypeError(
        f"{name}: found {shown} ({type(found).__name__}), expected {expected}. Give that instead."
    )


def check_is_list(items: Any, noun: str) -> None:
    """Refuse one item instead of a list of them, and what cannot be gone through.

    Raises
    ------
    WrongTypeError
        With the type that was found.
    """
    kind = type(items).__name__
    if isinstance(items, str | bytes | Mapping):
        raise WrongTypeError(f"Expected a list of {noun}s, found one {kind}. Put it in a list: [{noun}].")
    if not isinstance(items, Iterable):
        raise WrongTypeError(f"Expected a list of {noun}s, found {kind}. Give a list: [{noun}, {noun}].")


def path_of(value: Any, name: str, *, expected: str = "a path: a str or a Path") -> Path:
    """Give an argument as a path.

    Raises
    ------
    WrongTypeError
        If it is none.
    """
    if isinstance(value, str | os.PathLike):
        try:
            return Path(value)
        except TypeError:
            pass  # A path of bytes.
    raise wrong_type(name, value, expected=expected)


def texts_of(value: Any, name: str) -> tuple[str, ...]:
    """Give a list of names as a tuple; a single text is cut at its commas.

    Raises
    ------
    WrongTypeError
        If it is no list of texts.
    """
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    is_list = isinstance(value, Iterable) and not isinstance(value, bytes | Mapping)
    texts = tuple(value) if is_list else ()
    if not is_list or not all(isinstance(text, str) for text in texts):
        raise wrong_type(name, value, expected="a list of names, each a str")
    return texts


def check_texts(**named: Any) -> None:
    """Refuse arguments that are neither a text nor None; raises `WrongTypeError`."""
    for name, value in named.items():
        if value is not None and not isinstance(value, str):
            raise wrong_type(name, value, expected="a str, or None")


def check_is_choice(value: Any, name: str) -> None:
    """Refuse what is neither True nor False nor None, which leaves the choice to us; raises `WrongTypeError`."""
    if value is not None and not isinstance(value, bool):
        raise wrong_type(name, value, expected="True, False or None")


def check_share(value: Any, name: str) -> None:
    """Refuse what is no number from 0 to 1.

    Raises
    ------
    WrongTypeError
        If it is no number at all.
    CallError
        If it is another number, NaN among them.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise wrong_type(name, value, expected="a number from 0 to 1")
    if not 0 <= float(value) <= 1:
        raise CallError(f"{name} is a number from 0 to 1; found {value!r}. Give one such as 0.8.")


def is_endless(value: Any) -> bool:
    """Whether it is NaN or infinite, which a setting of any type lets pass."""
    return isinstance(value, float) and not math.isfinite(value)


def check_whole(value: Any, name: str, *, least: int = 0) -> None:
    """Refuse what is no whole number from `least` up.

    Raises
    ------
    WrongTypeError
        If it is no whole number.
    CallError
        If it is too small.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise wrong_type(name, value, expected=f"a whole number, {least} or more") from None
    if number < least:
        raise CallError(f"{name} is a whole number, {least} or more; found {number}. Give another.")
