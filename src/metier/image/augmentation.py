"""Changes of training images that leave their label alone, by Pillow and numpy.

Each is a number of its own, and 0 leaves it out. Left and right are only swapped where no label says which side is meant:
see `sides_in`.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metier.image.decoding import pillow

# What a label says where its mirror image is another thing.
SIDES = (
    *(
        "left",
        "right",
        "arrow",
        "direction",
        "clockwise",
        "port",
        "starboard",
        "east",
        "west",
        "letter",
        "digit",
    ),
    *("左", "右", "箭头", "箭頭", "方向", "时针", "東", "东", "西", "字母", "数字", "文字"),
)


@dataclass(frozen=True)
class Augmentation:
    """How far an image may be changed; each change is drawn anew for every view of every row.

    Parameters
    ----------
    crop : float
        Largest share of the area that is cut away, 0 to below 1; the rest is scaled to the whole.
    flip : float
        Probability that left and right are swapped, 0 to 1.
    colour : float
        Largest change of brightness, contrast and saturation, as a share, 0 to 1.
    rotation : float
        Largest turn in degrees, 0 to 180.
    """

    crop: float = 0.0
    flip: float = 0.0
    colour: float = 0.0
    rotation: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return any(asdict(self).values())

    def changed(self, pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Give an image changed: ndarray of uint8 of the same shape."""
        image = pillow().fromarray(pixels)
        if self.flip and random.random() < self.flip:
            image = image.transpose(pillow().Transpose.FLIP_LEFT_RIGHT)
        if self.rotation:
            image = self._turned(image, random)
        if self.crop:
            image = self._cropped(image, random)
        if self.colour:
            image = self._coloured(image, random)
        found: np.ndarray = np.asarray(image)
        return found

    def _turned(self, image: Any, random: np.random.Generator) -> Any:
        corners = np.asarray(image)[[0, 0, -1, -1], [0, -1, 0, -1]]
        # What turns in from outside has the colour of the corners, so that no black wedge tells the turned ones.
        ground = tuple(int(value) for value in np.median(corners, axis=0))
        degrees = float(random.uniform(-self.rotation, self.rotation))
        return image.rotate(degrees, pillow().Resampling.BILINEAR, fillcolor=ground)

    def _cropped(self, image: Any, random: np.random.Generator) -> Any:
        side = float(np.sqrt(1 - random.uniform(0, self.crop)))
        width, height = image.width * side, image.height * side
        left, top = random.uniform(0, image.width - width), random.uniform(0, image.height - height)
        box = (left, top, left + width, top + height)
        return image.resize(image.size, pillow().Resampling.BILINEAR, box=box)

    def _coloured(self, image: Any, random: np.random.Generator) -> Any:
        enhance = pillow("PIL.ImageEnhance")
        for change in (enhance.Brightness, enhance.Contrast, enhance.Color):
            image = change(image).enhance(1 + float(random.uniform(-self.colour, self.colour)))
        return image


NOTHING = Augmentation()


def sides_in(labels: Iterable[str]) -> list[str]:
    """Give the labels whose mirror image would be another label: they name a side, a direction or writing."""
    return [label for label in labels if _names_a_side(label)]


def _names_a_side(label: str) -> bool:
    lower = label.casefold()
    words = "".join(letter if letter.isalnum() else " " for letter in lower).split()
    return any(
        sign in lower if not sign.isascii() else any(word in (sign, f"{sign}s") for word in words)
        for sign in SIDES
    )
