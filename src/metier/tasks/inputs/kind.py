"""What an input kind is: how inputs of one form are read, checked and shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from sklearn.utils import Tags

    from metier.data.rows import Rows


class InputKind(Protocol):
    """A form of questions.

    Parameters
    ----------
    name : str
        As `INPUTS` has it.
    keys : tuple of str
        What a question consists of; `("text",)` where it is one text.
    optional_keys : tuple of str
        What may stand beside them, or in their place.
    example : Any
        A question of this form, answered once before the first caller's.
    """

    @property
    def name(self) -> str:
        """Its name in the table."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """What a question consists of."""
        ...

    @property
    def optional_keys(self) -> tuple[str, ...]:
        """What may stand beside these keys, or in their place."""
        ...

    @property
    def example(self) -> Any:
        """A question of this form."""
        ...

    @property
    def noun(self) -> str:
        """What a question is, in words: `a text`."""
        ...

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles besides the text that make a row a question of this form."""
        ...

    def read(self, X: Any, *, origin: str = "these rows") -> Sequence[Any]:
        """Give the items of whatever `fit` or `predict` was handed, checked."""
        ...

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Give every text of some items: what a language is detected from and a vocabulary is learned from."""
        ...

    def shown(self, item: Any) -> list[str]:
        """Give the texts of one question for people, as JSON holds it."""
        ...

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question from a terminal or a request, in a sentence; None: nothing is."""
        ...

    def tags(self, tags: "Tags") -> "Tags":
        """Give scikit-learn's tags of a method, with what holds for an `X` of this form."""
        ...

    def same_as(self, rows: "Rows") -> Sequence[str]:
        """Give what each row asks as one text; rows that ask the same have the same."""
        ...

    def from_rows(self, rows: "Rows") -> Sequence[Any]:
        """Give what rows ask, as JSON holds it: texts, or mappings with these keys."""
        ...


class PlainInput:
    """What holds of an input kind unless it states otherwise."""

    optional_keys: ClassVar[tuple[str, ...]] = ()
    roles: ClassVar[tuple[str, ...]] = ()

    def shown(self, item: Any) -> list[str]:
        """Give the texts of one question."""
        return [str(value) for value in item.values() if isinstance(value, str)]

    def same_as(self, rows: "Rows") -> Sequence[str]:
        """Give what each row asks as one text: all its texts."""
        return rows.whole_inputs

    def tags(self, tags: "Tags") -> "Tags":
        """Tell scikit-learn that `X` is a list of mappings."""
        tags.input_tags.string = False
        tags.input_tags.two_d_array = False
        tags.input_tags.dict = True
        return tags
