"""Input: texts or pairs of texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from metier.tasks.inputs.kind import InputKind
from metier.tasks.inputs.pair import PAIR, Pair, TwoTexts
from metier.tasks.inputs.text import TEXT, Text
from metier.text.given_texts import StoredTexts
from metier.text.offset_map import OffsetMap

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from sklearn.utils import Tags

    from metier.data.rows import Rows


@dataclass(frozen=True)
class TextOrPair(InputKind):
    """Texts or pairs, for methods that read both alike; an item is a str or a `Pair`."""

    name: ClassVar[str] = "text_or_pair"
    keys: ClassVar[tuple[str, ...]] = ("text",)
    optional_keys: ClassVar[tuple[str, ...]] = ("text_pair",)
    noun: ClassVar[str] = "a text, or a pair of texts"
    example: ClassVar[str] = "a text"
    chinese_example: ClassVar[str] = "一段中文文本"

    def read(self, X: Any, *, origin: str = "these rows") -> Sequence[str | Pair]:
        """Give the texts, or the pairs, of whatever `fit` or `predict` was handed."""
        if isinstance(X, StoredTexts) or not isinstance(X, Sequence) or isinstance(X, str):
            return TEXT.read(X, origin=origin)
        kinds = {kind.name: kind for kind in map(self.of, X)} or {TEXT.name: TEXT}
        if len(kinds) == 1:
            return next(iter(kinds.values())).read(X, origin=origin)
        return [self.of(item).read([item], origin=origin)[0] for item in X]

    def of(self, item: Any) -> Text | TwoTexts:
        """Give the kind of an item."""
        if isinstance(item, Mapping):
            return PAIR if "text_pair" in item else TEXT
        return PAIR if isinstance(item, list | tuple) and len(item) == 2 else TEXT

    def texts(self, items: Sequence[str | Pair]) -> list[str]:
        """Give every text, both sides of pairs one after the other."""
        return [text for item in items for text in ([item] if isinstance(item, str) else item)]

    def shown(self, item: Any) -> list[str]:
        """Give the texts of one question."""
        return self.of(item).shown(item)

    def prompt_parts(self, item: str | Pair) -> list[tuple[str, str]]:
        """Give the text, or both texts."""
        return self.of(item).prompt_parts(item)  # type: ignore[arg-type]

    def with_texts(
        self, item: str | Pair, change: Callable[[str], tuple[str, OffsetMap]]
    ) -> tuple[str | Pair, OffsetMap]:
        """Give a text or a pair with its texts changed."""
        return self.of(item).with_texts(item, change)  # type: ignore[arg-type]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        return self.of(item).fault(item)

    def row_faults(self, rows: "Rows") -> dict[int, str]:
        """Give which rows of pairs have one text alone."""
        return (TEXT if rows.roles.text_pair is None else PAIR).row_faults(rows)

    def tags(self, tags: "Tags") -> "Tags":
        """Tell scikit-learn that `X` is a list of texts."""
        return TEXT.tags(tags)

    def from_rows(self, rows: "Rows") -> Sequence[Any]:
        """Give the texts of rows, or their pairs where they have a second text."""
        return (TEXT if rows.roles.text_pair is None else PAIR).from_rows(rows)


TEXT_OR_PAIR = TextOrPair()
