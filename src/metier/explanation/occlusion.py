"""Where in a picture the answer comes from: hide a part of it, and see how far the probability falls [1]_.

It needs nothing but answers, so it works for every predictor, without torch and without knowing the network. A square of
the median colour, which on drawings and scans is their ground, is moved over the picture in steps of half its side; a
place is as warm as the probability of the label falls, on average, while the place is hidden. Warm is what the model
used, and no place where something is.

References
----------
.. [1] Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014, arXiv:1311.2901.
"""

import importlib
import io
from collections.abc import Callable, Sequence

import numpy as np

from metier.image.decoding import decoded
from metier.image.picture import Picture

SIDE = 224  # Pixels; most networks take as many.
PATCH = 56
STEP = PATCH // 2
HEAT = (255, 60, 0)
STRONGEST = 0.6  # Of the colour over the picture, 0 to 1.

# From pictures, as bytes of files, to the probability of one label for each.
Probability = Callable[[Sequence[bytes]], np.ndarray]


def occlusion_map(picture: Picture, probability: Probability) -> np.ndarray:
    """Give how far the probability of a label falls where a picture is hidden.

    Parameters
    ----------
    probability : callable taking a list of bytes
        Gives an ndarray of shape (n_pictures,): of the label that is explained.

    Returns
    -------
    ndarray of float64 of shape (SIDE, SIDE)
        -1 to 1; below 0 where the label becomes more probable.

    Raises
    ------
    ImageError
        If the picture cannot be decoded.
    """
    pixels = decoded(picture, SIDE)
    corners = [(top, left) for top in _starts() for left in _starts()]
    whole, *hidden = probability([_file(pixels), *(_file(_hidden(pixels, *corner)) for corner in corners)])
    falls, counts = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    for (top, left), found in zip(corners, hidden, strict=True):
        place = np.s_[top : top + PATCH, left : left + PATCH]
        falls[place] += whole - found
        counts[place] += 1
    heat: np.ndarray = falls / counts
    return heat


def heat_picture(picture: Picture, heat: np.ndarray) -> bytes:
    """Give a PNG of a picture with its heat in red, the warmest place strongest; as square as the model sees it."""
    pixels = decoded(picture, len(heat)).astype(np.float64)
    warm = np.clip(heat, 0, None)
    share = STRONGEST * warm[..., None] / max(float(warm.max()), 1e-12)
    return _file(np.rint(pixels * (1 - share) + np.array(HEAT) * share).astype(np.uint8))


def _starts() -> range:
    return range(0, SIDE - PATCH + 1, STEP)


def _hidden(pixels: np.ndarray, top: int, left: int) -> np.ndarray:
    covered = pixels.copy()
    covered[top : top + PATCH, left : left + PATCH] = np.median(pixels, axis=(0, 1)).astype(np.uint8)
    return covered


def _file(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    # Loaded with the first picture: texts need none of it.
    importlib.import_module("PIL.Image").fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
