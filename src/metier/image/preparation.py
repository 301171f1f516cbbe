"""How a picture becomes the pixels that a network takes, as a value that `predictor.json` can hold.

A base in Hugging Face layout says it in `preprocessor_config.json`. What is read there is carried out with Pillow and
numpy alone, so that a bundle prepares pictures as its base did without transformers; `bases.image_network` compares both
when it loads a base.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from metier.errors import BaseModelError
from metier.image.decoding import BICUBIC, REDUCING_GAP, upright
from metier.image.picture import Picture

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

BILINEAR = 2  # Pillow's number of the filter, which most processors have where they name none.
WARPED_FROM = 384  # Pixels of a side from which on ConvNeXt's processor scales to the square and crops nothing.
CROP_FRACTION = 224 / 256
LARGEST_SIDE = 2_048
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Preparation:
    """How a picture is scaled and cut, and how its colours are counted.

    Parameters
    ----------
    height, width : int
        Pixels that come out, of the middle where the picture is scaled larger.
    scaled : int or (int, int), optional
        What the shorter side is scaled to, or height and width that the whole is scaled to; None: what comes out.
    resample : int
        Pillow's number of the filter.
    mean, std : tuple of float
        Of red, green and blue, 0 to 1: what is taken from them, and what they are divided by afterwards.
    """

    height: int
    width: int
    scaled: int | tuple[int, int] | None = None
    resample: int = BICUBIC
    mean: Numbers = (0.5, 0.5, 0.5)
    std: Numbers = (0.5, 0.5, 0.5)

    def pixels(self, picture: Picture) -> np.ndarray:
        """Decode a picture, an ndarray of uint8 of shape (height, width, 3); raises as `decoding.decoded` does."""
        with upright(picture, at_least=self._largest) as image:
            return np.asarray(self._scaled(image))

    def normalised(self, pixels: np.ndarray) -> np.ndarray:
        """Give pixels as the network counts colours, an ndarray of float32 of the same shape."""
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        found: np.ndarray = (pixels.astype(np.float32) / 255 - mean) / std
        return found

    def as_settings(self) -> dict[str, Any]:
        """Give it as JSON."""
        return asdict(self)

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `as_settings` gave; JSON has lists where this has tuples."""
        plain: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in settings.items()
        }
        return cls(**plain)

    @property
    def _largest(self) -> int:
        scaled = self.scaled
        return (
            max(self.height, self.width)
            if scaled is None
            else max(scaled if isinstance(scaled, tuple) else (scaled,))
        )

    def _scaled(self, image: "PillowImage") -> "PillowImage":
        width, height = self._scaled_size(image.size)
        found = image.resize((width, height), self.resample, reducing_gap=REDUCING_GAP)
        if (width, height) == (self.width, self.height):
            return found
        left, top = (width - self.width) // 2, (height - self.height) // 2
        # Beyond the border Pillow's crop is black, as the processors' padding is.
        return found.crop((left, top, left + self.width, top + self.height))

    def _scaled_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give width and height after scaling."""
        scaled = self.scaled or (self.height, self.width)
        if isinstance(scaled, tuple):
            return scaled[1], scaled[0]
        short = min(size)
        width, height = (scaled if side == short else int(scaled * side / short) for side in size)
        return width, height


def preparation_of(processor: Mapping[str, Any], *, origin: str) -> Preparation:
    """Read a processor's `preprocessor_config.json`.

    Raises
    ------
    BaseModelError
        If it says nothing of the size, or asks for one that no network of photographs takes.
    """
    scaled, height, width = _sides(processor)
    cut = processor.get("crop_size")
    if processor.get("do_center_crop") and cut is not None:
        scaled = scaled or (height, width)
        height, width = _both(cut)
    sides = (height, width, *(scaled if isinstance(scaled, tuple) else (scaled or 1,)))
    if not all(0 < side <= LARGEST_SIDE for side in sides):
        raise BaseModelError(
            f"{origin} does not say to which size images are scaled, at most {LARGEST_SIDE:,} pixels a side. "
            "Take a base whose processor scales every image to one size."
        )
    is_counted = processor.get("do_normalize", True)
    return Preparation(
        height,
        width,
        scaled=scaled,
        resample=int(processor.get("resample", BILINEAR)),
        mean=_three(processor.get("image_mean", 0.5)) if is_counted else (0.0, 0.0, 0.0),
        std=_three(processor.get("image_std", 0.5)) if is_counted else (1.0, 1.0, 1.0),
    )


def _sides(processor: Mapping[str, Any]) -> tuple[int | tuple[int, int] | None, int, int]:
    """Give what pictures are scaled to before they are cut, and height and width."""
    size = processor.get("size", 0)
    edge = size.get("shortest_edge") if isinstance(size, Mapping) else None
    if edge is None:
        return None, *_both(size)
    if "ConvNext" in str(processor.get("image_processor_type", processor.get("feature_extractor_type", ""))):
        fraction = processor.get("crop_pct") or CROP_FRACTION
        return (None if edge >= WARPED_FROM else int(edge / fraction)), edge, edge
    return edge, edge, edge


def _both(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping):
        return int(size.get("height") or 0), int(size.get("width") or 0)
    return int(size), int(size)


def _three(numbers: Any) -> Numbers:
    return (float(numbers),) * 3 if isinstance(numbers, int | float) else tuple(map(float, numbers))
