"""Input: a pair of texts; an incomplete pair is reported with its row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from metier.errors import EmptyDataError, MissingSideError
from metier.tasks.inputs.kind import PlainInput
from metier.tasks.inputs.parts import parts_fault, texts_fault

if TYPE_CHECKING:  # What answers needs no rows, which need Arrow.
    from metier.data.rows import Rows

SIDES = ("text", "text_pair")


class Pair(NamedTuple):
    """Two texts that are judged together."""

    text: str
    text_pair: str


@dataclass(frozen=True)
class TwoTexts(PlainInput):
    """Two texts that are judged together; an item is a `Pair`."""

    name: ClassVar[str] = "pair"
    keys: ClassVar[tuple[str, ...]] = SIDES
    noun: ClassVar[str] = "a pair of texts"
    roles: ClassVar[tuple[str, ...]] = ("text_pair",)

    @property
    def example(self) -> dict[str, str]:
        """A question, answered once before the first caller's."""
        return {"text": "a text", "text_pair": "another"}

    def read(self, X: Any, *, origin: str = "these pairs") -> list["Pair"]:
        """Give the pairs of whatever `fit` or `predict` was handed; see `as_pairs`."""
        return as_pairs(X, origin=origin)

    def texts(self, items: Sequence["Pair"]) -> list[str]:
        """Give both sides of every pair, one after the other."""
        return [text for pair in items for text in pair]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        return parts_fault(item, SIDES) or texts_fault(item, SIDES)

    def from_rows(self, rows: "Rows") -> list[dict[str, str]]:
        """Give the pairs of rows; raises `MissingSideError` where a row has only one text."""
        sides = zip(rows.column("text"), rows.column("text_pair"), strict=True)
        return as_items(as_pairs(list(sides), origin=rows.origin))


PAIR = TwoTexts()


def as_pairs(X: Any, *, origin: str = "these pairs") -> list[Pair]:
    """Give the pairs of whatever a method or a predictor was handed.

    Parameters
    ----------
    X : sequence of mappings with the keys `text` and `text_pair`, or of two texts each
    origin : str
        Where they came from, for messages.

    Raises
    ------
    EmptyDataError
        If there is nothing in it.
    MissingSideError
        If a side is missing or blank.
    TypeError
        If it does not hold pairs.
    """
    if isinstance(X, str | Mapping):
        raise TypeError(f"Expected a list of pairs, found one {type(X).__name__}. Put it in a list: [pair].")
    pairs = [_as_pair(value, position, origin) for position, value in enumerate(X)]
    if not pairs:
        raise EmptyDataError("Expected at least one pair, found none. Give pairs of two texts.")
    return pairs


def as_items(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Give pairs in the form in which they are written down: mappings with `text` and `text_pair`."""
    return [pair._asdict() for pair in pairs]


def _as_pair(value: Any, position: int, origin: str) -> Pair:
    if isinstance(value, Mapping):
        sides = [value.get(side) for side in SIDES]
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        sides = list(value)
    else:
        raise TypeError(
            f"Expected a pair of texts at position {position}, found {type(value).__name__}. "
            "Give mappings with the keys 'text' and 'text_pair', or two texts each."
        )
    return Pair(*(_as_side(text, side, position + 1, origin) for side, text in zip(SIDES, sides, strict=True)))


def _as_side(text: Any, side: str, row: int, origin: str) -> str:
    if text is None or (isinstance(text, str) and not text.strip()):
        raise MissingSideError(row, side, origin=origin)
    if not isinstance(text, str):
        raise TypeError(f"Expected a text as {side!r} of row {row}, found {type(text).__name__}. Give a str.")
    return text
