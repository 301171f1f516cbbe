"""Quotations of a text: what it gives as the words of another, between marks of quotation or of a title."""

import re
from collections.abc import Iterator

from metier.text.segmentation import has_han

_quoted = re.compile(
    r'“([^”“]{2,400})”|"([^"\n]{2,400})"|「([^」]{2,400})」|『([^』]{2,400})』|《([^》]{2,80})》'
)
_left_out = re.compile(r"\s*(?:\.{3,}|…+|\[[^\]]{0,20}\]|（[^）]{0,10}略）)\s*")
_signs = re.compile(r"[\W_]+")
FEWEST_WORDS = 2  # One word between marks is irony, or a term.
FEWEST_HAN = 4


def quotations_of(text: str) -> list[tuple[int, int]]:
    """Give start and end of each quotation in characters, without its marks; single words are none."""
    return list(_found(text))


def _found(text: str) -> Iterator[tuple[int, int]]:
    for match in _quoted.finditer(text):
        group = next(number for number in range(1, 6) if match[number] is not None)
        said = match[group].strip()
        is_title = group == 5
        if is_title or (len(said) >= FEWEST_HAN if has_han(said) else len(said.split()) >= FEWEST_WORDS):
            yield match.span(group)


def levelled(text: str) -> str:
    """Give a text without case, signs and spaces: what is compared of a quotation."""
    return _signs.sub("", text.lower())


def is_quoted(quotation: str, levelled_source: str) -> bool:
    """Whether a source has all pieces of a quotation, which marks of omission part."""
    pieces = [levelled(piece) for piece in _left_out.split(quotation)]
    return all(piece in levelled_source for piece in pieces if piece)
