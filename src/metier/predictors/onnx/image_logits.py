"""From images to logits by an exported graph that takes pixels: decoded by Pillow, a few at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from metier.image.picture import Picture, mean_of_each
from metier.image.preparation import Preparation
from metier.predictors.onnx.graph_session import GraphParts, OnnxGraph

IMAGES_AT_ONCE = 16  # Decoded they are 2.4 MB, and their maps some 150 MB.


def preparation_of(settings: Mapping[str, Any]) -> Preparation:
    """Give how images become pixels, as the settings of a predictor state it."""
    stated = dict(settings.get("preparation", {}))
    stated.pop("normalised_by", None)
    if not stated:  # As bundles had it before bases other than one could be named.
        size = settings["image_size"]
        stated = {"height": size, "width": size}
    return Preparation.read(stated)


class ImageLogits:
    """Logits that the graph itself gives of pixels.

    Parameters
    ----------
    graph : OnnxGraph
        Takes `pixels` of shape (n_images, height, width, 3), 0 to 255.
    preparation : Preparation
        How images become pixels; what it says of colours, the graph does itself.
    """

    def __init__(self, graph: OnnxGraph, *, preparation: Preparation):
        self._graph = graph
        self._preparation = preparation

    @classmethod
    def of(cls, parts: GraphParts) -> Self:
        """Make it of an opened folder."""
        return cls(parts.graph, preparation=preparation_of(parts.settings))

    def __call__(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Give logits, an ndarray of float64 of shape (n_pictures, n_logits), the mean where a row has several.

        Raises
        ------
        ImageError
            If one cannot be decoded.
        """
        return mean_of_each(pictures, self._of_each)

    def _of_each(self, pictures: Sequence[Picture]) -> np.ndarray:
        logits = np.empty((len(pictures), self._graph.width), dtype=np.float64)
        for start in range(0, len(pictures), IMAGES_AT_ONCE):
            some = pictures[start : start + IMAGES_AT_ONCE]
            pixels = np.stack([self._preparation.pixels(picture) for picture in some])
            logits[start : start + len(some)] = self._graph.fed(pixels=pixels)
        return logits
