"""Input: a text and its images; either may be missing, not both.

What reads one of the two alone, a method of texts or of images, takes such items too: the text of a missing one is
empty, and its image is grey.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from metier.arguments import check_is_list
from metier.errors import EmptyDataError, WrongTypeError
from metier.image.picture import Picture
from metier.tasks.inputs.image import GREY_PIXEL, IMAGE, KEY, as_asked
from metier.tasks.inputs.kind import InputKind, texts_fault

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from metier.data.rows import Rows

KEYS = ("text", KEY)


class TextImage(NamedTuple):
    """A text and an image that belong together.

    Parameters
    ----------
    text : str
        Empty where there is none.
    picture : Picture or None
        None where there is none.
    """

    text: str
    picture: Picture | None


@dataclass(frozen=True)
class TextWithImage(InputKind):
    """A text with its images; an item is `{"text": str, "image": path, bytes or a list of them}`, read a `TextImage`."""

    name: ClassVar[str] = "text_image"
    keys: ClassVar[tuple[str, ...]] = KEYS
    noun: ClassVar[str] = "a text with an image"
    roles: ClassVar[tuple[str, ...]] = KEYS
    parts: ClassVar[tuple[str, ...]] = KEYS

    @property
    def example(self) -> dict[str, str]:
        """A question with the path of a file."""
        return {"text": "a text", KEY: "photo.jpg"}

    @property
    def chinese_example(self) -> dict[str, str]:
        """A question in Chinese."""
        return {"text": "一段文本", KEY: "photo.jpg"}

    @property
    def trial(self) -> dict[str, Any]:
        """A text and one grey pixel, which needs no file."""
        return {"text": "a text", KEY: GREY_PIXEL}

    def read(self, X: Any, *, origin: str = "these rows") -> list[TextImage]:
        """Give the texts with their images of whatever `fit` or `predict` was handed."""
        check_is_list(X, "text with an image")
        items = [_as_item(item, position) for position, item in enumerate(X)]
        if not items:
            raise EmptyDataError("Expected at least one text with an image, found none.")
        return items

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Give the text of each item."""
        return [_text(item) for item in items]

    def shown(self, item: Any) -> list[str]:
        """Give the text, and what the image is called."""
        found = _as_item(item, 0)
        return [found.text, *([] if found.picture is None else [one.called for one in found.picture.each])]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        if isinstance(item, TextImage):
            return None
        if not isinstance(item, Mapping):
            return f"expected an object with text, image or both, found {type(item).__name__}."
        unknown = next((key for key in item if key not in KEYS), None)
        if unknown is not None:
            return f"there is no {unknown!r}. Known: {', '.join(KEYS)}."
        given = {key: value for key, value in item.items() if value is not None}
        if not any(given.values()):
            return "both text and image are missing. Give one of them, or both."
        fault = IMAGE.value_fault(given[KEY]) if KEY in given else None
        return texts_fault(given, ("text",)) if fault is None else fault

    def typed(self, text: str) -> dict[str, str] | None:
        """Give what was typed as a question: a text without an image; None where it is JSON, which may have one."""
        return None if text.lstrip().startswith("{") else {"text": text}

    def place_of(self, item: Any) -> str:
        """Give the key of the image, where there is one."""
        return KEY if isinstance(item, Mapping) and item.get(KEY) is not None else "text"

    def received(self, item: Any, *, field: str, most_bytes: int) -> dict[str, Any]:
        """Give one question of a request, whose image its base64 holds; raises as `Image.received` does."""
        picture = None
        if item.get(KEY) is not None:
            picture = IMAGE.received({KEY: item[KEY]}, field=field, most_bytes=most_bytes)
        return {"text": item.get("text") or "", KEY: picture}

    def row_faults(self, rows: "Rows") -> dict[int, str]:
        """Give why rows cannot be asked, in a clause: an image that cannot be used, or neither text nor image."""
        texts, pictures = _sides(rows)
        faults = rows.image_faults if rows.has_images else {}
        found = {position: fault for position, fault in faults.items() if pictures[position] is not None}
        for position, (text, picture) in enumerate(zip(texts, pictures, strict=True)):
            if not text.strip() and picture is None:
                found[position] = "it has neither a text nor an image"
        return found

    def from_rows(self, rows: "Rows") -> list[dict[str, Any]]:
        """Give the text of each row and its images; None where it has none."""
        pairs = zip(*_sides(rows), strict=True)
        return [{"text": text, KEY: as_asked(picture)} for text, picture in pairs]


TEXT_IMAGE = TextWithImage()


def _sides(rows: "Rows") -> tuple[Sequence[str], Sequence[Picture | None]]:
    """Give the texts and the pictures of rows that may have one of the two alone."""
    texts = rows.texts if rows.has_texts else [""] * len(rows)
    return texts, rows.pictures if rows.has_images else [None] * len(rows)


def _as_item(item: Any, position: int) -> TextImage:
    if isinstance(item, TextImage):
        return item
    if isinstance(item, str):
        return TextImage(item, None)
    if not isinstance(item, Mapping):
        raise WrongTypeError(
            f"Expected a text with an image at position {position}, found {type(item).__name__}. "
            "Give mappings with 'text', 'image' or both."
        )
    image = item.get(KEY)
    return TextImage(_text(item), None if image is None else IMAGE.read([image])[0])


def _text(item: Any) -> str:
    if isinstance(item, TextImage):
        return item.text
    return str((item.get("text") if isinstance(item, Mapping) else item) or "")
