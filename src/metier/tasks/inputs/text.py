"""Input: one text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from metier.tasks.inputs.kind import InputKind
from metier.text.given_texts import as_texts

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from sklearn.utils import Tags

    from metier.data.rows import Rows


@dataclass(frozen=True)
class Text(InputKind):
    """One text; an item is a str."""

    name: ClassVar[str] = "text"
    keys: ClassVar[tuple[str, ...]] = ("text",)
    noun: ClassVar[str] = "a text"
    example: ClassVar[str] = "a text"
    chinese_example: ClassVar[str] = "一段中文文本"

    def read(self, X: Any, *, origin: str = "these rows") -> Sequence[str]:
        """Give the texts of whatever `fit` or `predict` was handed; see `text.given_texts.as_texts`."""
        return as_texts(X)

    def texts(self, items: Sequence[str]) -> list[str]:
        """Give the texts themselves."""
        return list(items)

    def shown(self, item: str) -> list[str]:
        """Give the text."""
        return [item]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        return None if isinstance(item, str) else f"expected a text, found {type(item).__name__}. Give a str."

    def tags(self, tags: "Tags") -> "Tags":
        """Tell scikit-learn that `X` is a list of texts, no array of numbers."""
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def from_rows(self, rows: "Rows") -> Sequence[str]:
        """Give the text of each row."""
        return rows.texts


TEXT = Text()
