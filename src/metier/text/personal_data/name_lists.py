"""The lists of names that recognisers look up, read when the first text asks for them."""

import functools
from importlib.resources import files


def _lines(name: str) -> list[str]:
    text = (files("metier.text.personal_data") / "lists" / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@functools.cache
def first_names() -> frozenset[str]:
    """English first names, with a capital."""
    return frozenset(_lines("first_names_en"))


@functools.cache
def last_names() -> frozenset[str]:
    """English last names, with a capital."""
    return frozenset(_lines("last_names_en"))


@functools.cache
def surnames() -> tuple[str, tuple[str, ...]]:
    """Chinese surnames of one character, and those of two."""
    single, compound = _lines("surnames_zh")
    return single, tuple(compound.split())


@functools.cache
def given_characters() -> frozenset[str]:
    """Characters of Chinese given names."""
    return frozenset("".join(_lines("given_characters_zh")))


@functools.cache
def foreign_characters() -> str:
    """Characters that foreign names are written with in Chinese."""
    return "".join(_lines("foreign_characters_zh"))
