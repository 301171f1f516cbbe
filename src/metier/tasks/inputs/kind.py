"""What an input kind is: how questions of one form are read, checked, and shown to be asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

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

    def read(self, X: Any, *, origin: str = "these rows") -> Sequence[Any]:
        """Give the items of whatever `fit` or `predict` was handed, checked."""
        ...

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Give every text of some items: what a language is detected from and a vocabulary is learned from."""
        ...

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question from a terminal or a request, in a sentence; None: nothing is."""
        ...

    def tags(self, tags: "Tags") -> "Tags":
        """Give scikit-learn's tags of a method, with what holds for an `X` of this form."""
        ...

    def from_rows(self, rows: "Rows") -> Sequence[Any]:
        """Give what rows ask, as JSON holds it: texts, or mappings with these keys."""
        ...
