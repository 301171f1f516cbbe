"""What a written text claims and its source does not say: numbers, names and quotations.

Each is looked for by itself, so this sees that a figure or a name came from nowhere. It does not see a statement that is
false in words that the source has: another subject for a verb, a left out "not", a cause for an effect.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from metier.text.claims.names import is_stated, name_words, names_of
from metier.text.claims.numbers import Number, is_same, numbers_of
from metier.text.claims.quotations import is_quoted, levelled, quotations_of

CHECKS = ("number", "name", "quotation")
Finder = Callable[[str], Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class Claim:
    """A piece of a text that its source has to have.

    Parameters
    ----------
    kind : {"number", "name", "quotation"}
    text : str
        As it is written.
    start, end : int
        Where, in characters of the text.
    """

    kind: str
    text: str
    start: int
    end: int

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"kind": self.kind, "text": self.text, "start": self.start, "end": self.end}


@dataclass(frozen=True)
class _Source:
    """A source, read once for all that is compared with it."""

    lowered: str
    levelled: str
    words: frozenset[str]
    numbers: tuple[Number, ...]


def claims_of(text: str, *, checks: Sequence[str] = CHECKS, find_names: Finder = names_of) -> list[Claim]:
    """Give the claims of a text that can be looked up, in their order.

    Parameters
    ----------
    checks : sequence of {"number", "name", "quotation"}
        Those that are wanted. Between two languages numbers alone can be compared.
    find_names : callable
        From a text to (start, end) of its names: these, or those of a tagger.
    """
    return [claim for claim, _ in _claims(text, checks, find_names)]


def unsupported_claims(
    source: str, text: str, *, checks: Sequence[str] = CHECKS, find_names: Finder = names_of
) -> list[Claim]:
    """Give the claims of a text that its source does not say; see `claims_of`.

    A number is said where it stands in any form, or is what a number of the source is rounded to; a name where all its
    words stand, or those whose initials it is; a quotation where its words follow one another.
    """
    claims = _claims(text, checks, find_names)
    if not claims:
        return []
    known = _read(source)
    return [claim for claim, number in claims if not _is_said(claim, number, known)]


def _claims(text: str, checks: Sequence[str], find_names: Finder) -> list[tuple[Claim, Number | None]]:
    found: list[tuple[Claim, Number | None]] = []
    if "number" in checks:
        found += [(_claim("number", text, one.start, one.end), one) for one in numbers_of(text)]
    if "name" in checks:
        found += [(_claim("name", text, *span), None) for span in find_names(text)]
    if "quotation" in checks:
        found += [(_claim("quotation", text, *span), None) for span in quotations_of(text)]
    return sorted(found, key=lambda pair: pair[0].start)


def _claim(kind: str, text: str, start: int, end: int) -> Claim:
    return Claim(kind, text[start:end], start, end)


@functools.lru_cache(maxsize=1024)
def _read(source: str) -> _Source:
    return _Source(source.lower(), levelled(source), frozenset(name_words(source)), tuple(numbers_of(source)))


def _is_said(claim: Claim, number: Number | None, source: _Source) -> bool:
    if number is not None:
        return any(is_same(number, known) for known in source.numbers)
    if claim.kind == "name":
        return is_stated(claim.text, source.lowered, source.words)
    return is_quoted(claim.text, source.levelled)
