"""From images to logits by an exported graph that takes pixels: decoded by Pillow, a few at a time."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from metier.image.decoding import decoded
from metier.image.picture import Picture
from metier.predictors.onnx.graph_session import GraphParts, OnnxGraph

IMAGES_AT_ONCE = 16  # Decoded they are 2.4 MB, and their maps some 150 MB.


class ImageLogits:
    """Logits that the graph itself gives of pixels.

    Parameters
    ----------
    graph : OnnxGraph
        Takes `pixels` of shape (n_images, size, size, 3), 0 to 255.
    size : int
        Pixels of a side.
    n_logits : int
    """

    def __init__(self, graph: OnnxGraph, *, size: int, n_logits: int):
        self._graph = graph
        self._size = size
        self._n_logits = n_logits

    @classmethod
    def of(cls, parts: GraphParts) -> Self:
        """Make it of an opened folder."""
        return cls(parts.graph, size=parts.settings["image_size"], n_logits=len(parts.settings["labels"]))

    def __call__(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Give logits, an ndarray of float64 of shape (n_pictures, n_logits); raises `ImageError` for what is none."""
        logits = np.empty((len(pictures), self._n_logits), dtype=np.float64)
        for start in range(0, len(pictures), IMAGES_AT_ONCE):
            some = pictures[start : start + IMAGES_AT_ONCE]
            pixels = np.stack([decoded(picture, self._size) for picture in some])
            logits[start : start + len(some)] = self._graph.fed(pixels=pixels)
        return logits
