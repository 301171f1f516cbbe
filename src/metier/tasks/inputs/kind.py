"""What an input kind is: how inputs of one form are read, checked and shown."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from metier.arguments import check_is_list
from metier.errors import EmptyDataError, MissingSideError, WrongTypeError, quoted, suggest
from metier.text.offset_map import OffsetMap

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from sklearn.utils import Tags

    from metier.data.rows import Rows

NO_TEXT = "-"  # What methods of pairs of texts are given of a side that has an image alone.


class InputKind(Protocol):
    """A form of questions.

    A kind inherits from it: what is given here holds unless the kind states otherwise.

    Parameters
    ----------
    name : str
        As `INPUTS` has it.
    keys : tuple of str
        What a question consists of; `("text",)` where it is one text.
    optional_keys : tuple of str
        What may stand beside them, or in their place.
    noun : str
        What a question is, in words: `a text`.
    roles : tuple of str
        The roles besides the text that make a row a question of this form.
    parts : tuple of str
        The roles whose lack may make a row no question; empty where any text is one.
    has_texts : bool
        Whether questions have texts, and so a language and words.
    example : Any
        A question of this form, answered once before the first caller's.
    chinese_example : Any
        The same in Chinese, for models that read it: Chinese words come from a dictionary that has to be loaded.
    """

    name: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    noun: ClassVar[str]
    optional_keys: ClassVar[tuple[str, ...]] = ()
    roles: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[tuple[str, ...]] = ()
    has_texts: ClassVar[bool] = True

    @property
    def example(self) -> Any:
        """A question of this form."""
        ...

    @property
    def chinese_example(self) -> Any:
        """A question of this form in Chinese."""
        return self.example

    @property
    def trial(self) -> Any:
        """A question of this form that is answered before the first caller's, and needs no file."""
        return self.example

    def typed(self, text: str) -> Any:
        """Give what was typed as a question; None: only JSON is one, or `text` itself."""
        return None

    def place_of(self, item: Any) -> str:
        """Give the key of a question of a request that is named where something is wrong with it."""
        return self.keys[0]

    def received(self, item: Any, *, field: str, most_bytes: int) -> Any:
        """Give one question of a request as the model takes it; nothing that it holds may have more bytes."""
        return item

    def read(self, X: Any, *, origin: str = "these rows") -> Sequence[Any]:
        """Give the items of whatever `fit` or `predict` was handed, checked."""
        ...

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Give every text of some items: what a language is detected from and a vocabulary is learned from."""
        ...

    def shown(self, item: Any) -> list[str]:
        """Give the texts of one question."""
        return [str(value) for value in item.values() if isinstance(value, str)]

    def prompt_parts(self, item: Any) -> list[tuple[str, str]]:
        """Give the texts of a checked item with their names, as a model that writes is shown them."""
        return [("text", text) for text in self.texts([item])]

    def with_texts(self, item: Any, change: Callable[[str], tuple[str, OffsetMap]]) -> tuple[Any, OffsetMap]:
        """Give a checked item with its texts changed, and where the characters of the text that is answered from stand."""
        text, offsets = change(item)
        return text, offsets

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question from a terminal or a request, in a sentence; None: nothing is."""
        ...

    def row_faults(self, rows: "Rows") -> dict[int, str]:
        """Give why rows cannot be asked, in a clause, by their positions: a part of the question is empty."""
        faults: dict[int, str] = {}
        for role in self.parts if set(self.roles) <= rows.roles.named.keys() else ():
            name = rows.roles.column_of(role)
            for position, value in enumerate(rows.column(role)):
                if not value or (isinstance(value, str) and not value.strip()):
                    faults.setdefault(position, f"{name!r} is empty")
        return faults

    def tags(self, tags: "Tags") -> "Tags":
        """Tell scikit-learn that `X` is a list of mappings."""
        tags.input_tags.string = False
        tags.input_tags.two_d_array = False
        tags.input_tags.dict = True
        return tags

    def same_as(self, rows: "Rows") -> Sequence[str]:
        """Give what each row asks as one text: all its texts."""
        return rows.whole_inputs

    def from_rows(self, rows: "Rows") -> Sequence[Any]:
        """Give what rows ask, as JSON holds it: texts, or mappings with these keys."""
        ...


def parts_fault(item: Any, keys: Sequence[str], *, optional: Sequence[str] = ()) -> str | None:
    """Give which key of a mapping is missing or unknown, in a sentence; None: none is.

    Parameters
    ----------
    keys : sequence of str
        What a question consists of.
    optional : sequence of str
        Keys that may be given or left out.
    """
    listed = " and ".join(keys)
    if not isinstance(item, Mapping):
        return f"expected an object with {listed}, found {type(item).__name__}."
    missing = [key for key in keys if key not in item]
    if missing:
        return f"{missing[0]!r} is missing. Give {listed}."
    unknown = [key for key in item if key not in keys and key not in optional]
    if unknown:
        return f"there is no {quoted(unknown[0])}.{suggest(unknown[0], keys)} Known: {', '.join(keys)}."
    return None


def texts_fault(item: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """Give which of these keys holds no text, in a sentence; None: all do."""
    wrong = next((key for key in keys if key in item and not isinstance(item[key], str)), None)
    return None if wrong is None else shape_fault(wrong, item[wrong], "a text")


def shape_fault(key: str, value: Any, expected: str) -> str:
    """Say that something else was expected under a key."""
    return f"{key!r} should be {expected}; found {quoted(value)}."


def two_texts(X: Any, sides: tuple[str, str], *, noun: str, origin: str) -> list[tuple[str, str]]:
    """Give the two texts of each question of whatever a method or a predictor was handed.

    Parameters
    ----------
    X : sequence of mappings with these two keys, or of two texts each
    sides : pair of str
        The keys.
    noun : str
        What a question is called: `pair`.
    origin : str
        Where they came from, for messages.

    Raises
    ------
    EmptyDataError
        If there is nothing in it.
    MissingSideError
        If a side is missing or blank.
    WrongTypeError
        If it does not hold such questions.
    """
    check_is_list(X, noun)
    found = [_two_texts(value, position, sides, noun, origin) for position, value in enumerate(X)]
    if not found:
        raise EmptyDataError(f"Expected at least one {noun}, found none. Give {_remedy(sides)}.")
    return found


def _remedy(sides: tuple[str, str]) -> str:
    return f"mappings with the keys {sides[0]!r} and {sides[1]!r}, or two texts each"


def _two_texts(value: Any, position: int, sides: tuple[str, str], noun: str, origin: str) -> tuple[str, str]:
    if isinstance(value, Mapping):
        texts = [value.get(side) for side in sides]
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        texts = list(value)
    else:
        raise WrongTypeError(
            f"Expected a {noun} at position {position}, found {type(value).__name__}. Give {_remedy(sides)}."
        )
    if isinstance(value, Mapping) and "image_pair" in value:  # What reads texts alone is asked such pairs too.
        one, other = (str(text or "").strip() or NO_TEXT for text in texts)
        return one, other
    first, second = (_side(text, side, position + 1, origin) for side, text in zip(sides, texts, strict=True))
    return first, second


def _side(text: Any, side: str, row: int, origin: str) -> str:
    if text is None or (isinstance(text, str) and not text.strip()):
        raise MissingSideError(row, side, origin=origin)
    if not isinstance(text, str):
        raise WrongTypeError(
            f"Expected a text as {side!r} of row {row}, found {type(text).__name__}. Give a str."
        )
    return text


def check_items(items: Any, kind: InputKind) -> list[Any]:
    """Give the items as a list, each of the form that a kind of question has.

    Raises
    ------
    WrongTypeError
        If this is one item instead of a list, or an item is of another form: its position and what is wrong.
    """
    check_is_list(items, "question")
    checked = list(items)
    for position, item in enumerate(checked):
        fault = kind.fault(item)
        if fault:
            raise WrongTypeError(f"At position {position}: {fault}")
    return checked
