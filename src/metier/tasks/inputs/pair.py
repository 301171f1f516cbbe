"""Input: a pair of texts; an incomplete pair is reported with its row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from metier.tasks.inputs.kind import InputKind, parts_fault, texts_fault, two_texts
from metier.text.offset_map import OffsetMap

if TYPE_CHECKING:  # What answers needs no rows, which need Arrow.
    from metier.data.rows import Rows

SIDES = ("text", "text_pair")


class Pair(NamedTuple):
    """Two texts that are judged together."""

    text: str
    text_pair: str


@dataclass(frozen=True)
class TwoTexts(InputKind):
    """Two texts that are judged together; an item is a `Pair`."""

    name: ClassVar[str] = "pair"
    keys: ClassVar[tuple[str, ...]] = SIDES
    noun: ClassVar[str] = "a pair of texts"
    roles: ClassVar[tuple[str, ...]] = ("text_pair",)
    parts: ClassVar[tuple[str, ...]] = SIDES

    @property
    def example(self) -> dict[str, str]:
        """A question, answered once before the first caller's."""
        return {"text": "a text", "text_pair": "another"}

    @property
    def chinese_example(self) -> dict[str, str]:
        """A question in Chinese, answered once where a model reads it."""
        return {"text": "一段文本", "text_pair": "另一段文本"}

    def read(self, X: Any, *, origin: str = "these pairs") -> list["Pair"]:
        """Give the pairs of whatever `fit` or `predict` was handed; see `as_pairs`."""
        return as_pairs(X, origin=origin)

    def texts(self, items: Sequence["Pair"]) -> list[str]:
        """Give both sides of every pair, one after the other."""
        return [text for pair in items for text in pair]

    def prompt_parts(self, item: "Pair") -> list[tuple[str, str]]:
        """Give both texts."""
        return list(item._asdict().items())

    def with_texts(
        self, item: "Pair", change: Callable[[str], tuple[str, OffsetMap]]
    ) -> tuple["Pair", OffsetMap]:
        """Give a pair with both texts changed."""
        return Pair(*(change(text)[0] for text in item)), OffsetMap(())

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        return parts_fault(item, SIDES) or texts_fault(item, SIDES)

    def from_rows(self, rows: "Rows") -> list[dict[str, str]]:
        """Give the pairs of rows; raises `MissingSideError` or `MissingLabelError` where one row or all have one text."""
        if rows.roles.column_of("text_pair") is None:
            rows.values("text_pair")  # Raises, and says how to name the column.
        sides = zip(rows.column("text"), rows.column("text_pair"), strict=True)
        return as_items(as_pairs(list(sides), origin=rows.origin))


PAIR = TwoTexts()


def as_pairs(X: Any, *, origin: str = "these pairs") -> list[Pair]:
    """Give the pairs of whatever a method or a predictor was handed; see `kind.two_texts`."""
    return [Pair(*texts) for texts in two_texts(X, SIDES, noun="pair", origin=origin)]


def as_items(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Give pairs in the form in which they are written down: mappings with `text` and `text_pair`."""
    return [pair._asdict() for pair in pairs]
