"""Input: two sides that are judged together, each a text, its images, or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from metier.arguments import check_is_list
from metier.errors import EmptyDataError, MissingSideError, WrongTypeError
from metier.image.picture import Picture
from metier.tasks.inputs.image import IMAGE, KEY, as_asked
from metier.tasks.inputs.kind import InputKind, texts_fault
from metier.tasks.inputs.text_image import TextImage

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from metier.data.rows import Rows

SIDES = (("text", KEY), ("text_pair", "image_pair"))  # The keys of a side: its text, its images.
KEYS = tuple(key for side in SIDES for key in side)


class TextImagePair(NamedTuple):
    """Two sides, each a text with an image, of which one may be missing."""

    one: TextImage
    other: TextImage


@dataclass(frozen=True)
class PairWithImages(InputKind):
    """Two sides; an item is `{"text", "image", "text_pair", "image_pair"}`, read a `TextImagePair`.

    Of each side the text or the image may be missing, not both.
    """

    name: ClassVar[str] = "pair_image"
    keys: ClassVar[tuple[str, ...]] = KEYS
    noun: ClassVar[str] = "a pair of texts with images"
    roles: ClassVar[tuple[str, ...]] = KEYS
    parts: ClassVar[tuple[str, ...]] = KEYS

    @property
    def example(self) -> dict[str, str]:
        """A question with the path of a file."""
        return {"text": "a text", "image_pair": "photo.jpg"}

    @property
    def chinese_example(self) -> dict[str, str]:
        """A question in Chinese."""
        return {"text": "一段文本", "image_pair": "photo.jpg"}

    @property
    def trial(self) -> dict[str, Any]:
        """A text and one grey pixel, which needs no file."""
        return {"text": "a text", "image_pair": IMAGE.trial[KEY]}

    def read(self, X: Any, *, origin: str = "these pairs") -> list[TextImagePair]:
        """Give the pairs of whatever `fit` or `predict` was handed.

        Raises
        ------
        MissingSideError
            If a side has neither a text nor an image.
        """
        check_is_list(X, "pair")
        items = [_as_item(item, position, origin) for position, item in enumerate(X)]
        if not items:
            raise EmptyDataError("Expected at least one pair of texts with images, found none.")
        return items

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Give the texts of both sides of every pair."""
        return [side.text for item in self.read(items) for side in item] if len(items) else []

    def shown(self, item: Any) -> list[str]:
        """Give the texts, and what the images are called."""
        found = _as_item(item, 0, "this pair")
        texts = [side.text for side in found if side.text]
        return texts + [one.called for side in found if side.picture is not None for one in side.picture.each]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        if isinstance(item, TextImagePair):
            return None
        if not isinstance(item, Mapping):
            return f"expected an object with two sides, found {type(item).__name__}."
        unknown = next((key for key in item if key not in KEYS), None)
        if unknown is not None:
            return f"there is no {unknown!r}. Known: {', '.join(KEYS)}."
        given = {key: value for key, value in item.items() if value is not None}
        for text, image in SIDES:
            if not (given.get(text) or given.get(image)):
                return f"both {text} and {image} are missing. Give one of them, or both."
            fault = IMAGE.value_fault(given[image]) if image in given else None
            if fault is not None:
                return fault.replace(repr(KEY), repr(image), 1)
        return texts_fault(given, tuple(text for text, _ in SIDES))

    def place_of(self, item: Any) -> str:
        """Give the key of the first image, where there is one."""
        given = (image for _, image in SIDES if isinstance(item, Mapping) and item.get(image) is not None)
        return next(given, "text")

    def received(self, item: Any, *, field: str, most_bytes: int) -> dict[str, Any]:
        """Give one question of a request, whose images its base64 holds; raises as `Image.received` does."""
        found: dict[str, Any] = {}
        at = field.rpartition(".")[0]
        for text, image in SIDES:
            place = f"{at}.{image}" if at else image
            sent = item.get(image)
            found[text] = item.get(text) or ""
            found[image] = (
                None if sent is None else IMAGE.received({KEY: sent}, field=place, most_bytes=most_bytes)
            )
        return found

    def row_faults(self, rows: "Rows") -> dict[int, str]:
        """Give why rows cannot be asked, in a clause: an image that cannot be used, or a side with nothing in it."""
        found: dict[int, str] = {}
        for role in ("image", "image_pair"):
            if role in rows.roles.named:
                pictures = rows.pictures_of(role)
                faults = rows.image_faults_of(role)
                found |= {
                    position: fault for position, fault in faults.items() if pictures[position] is not None
                }
        for position, item in enumerate(_sides_of(rows)):
            for (text, image), (words, picture) in zip(SIDES, item, strict=True):
                if not words.strip() and picture is None:
                    found.setdefault(position, f"{text} and {image} are both empty")
        return found

    def from_rows(self, rows: "Rows") -> list[dict[str, Any]]:
        """Give both sides of each row; None where one has no image."""
        return [
            {"text": one[0], "image": as_asked(one[1]), "text_pair": other[0], "image_pair": as_asked(other[1])}
            for one, other in _sides_of(rows)
        ]


PAIR_IMAGE = PairWithImages()
Side = tuple[str, Picture | None]


def _sides_of(rows: "Rows") -> list[tuple[Side, Side]]:
    """Give the texts and the pictures of both sides of each row."""
    named, nothing = rows.roles.named, [None] * len(rows)
    sides = []
    for text, image in SIDES:
        has_texts = text in named and not (text == "text" and not rows.has_texts)
        texts = [one or "" for one in rows.column(text)] if has_texts else [""] * len(rows)
        pictures = rows.pictures_of(image) if image in named else nothing
        sides.append(list(zip(texts, pictures, strict=True)))
    return list(zip(*sides, strict=True))


def _as_item(item: Any, position: int, origin: str) -> TextImagePair:
    if isinstance(item, TextImagePair):
        return item
    if not isinstance(item, Mapping):
        raise WrongTypeError(
            f"Expected a pair at position {position}, found {type(item).__name__}. Give mappings with a text or an image "
            "for each side."
        )
    sides = []
    for text, image in SIDES:
        words, picture = str(item.get(text) or ""), item.get(image)
        if not words.strip() and picture is None:
            raise MissingSideError(position + 1, text, origin=origin)
        sides.append(TextImage(words, None if picture is None else IMAGE.read([picture])[0]))
    return TextImagePair(*sides)
