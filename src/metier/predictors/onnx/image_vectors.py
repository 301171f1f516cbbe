"""One vector an image by an exported graph that takes pixels: decoded by Pillow, a few at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from metier.image.picture import Picture, mean_of_each
from metier.image.preparation import Preparation
from metier.predictors.loading import read_settings
from metier.predictors.onnx.graph_session import MODEL_FILE, OnnxGraph

IMAGES_AT_ONCE = 16  # Decoded they are 2.4 MB, and their maps some 150 MB.


class ImageVectors:
    """Embeds images. Safe to share between threads.

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
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load the graph of a folder; raises whatever the libraries raise that read it."""
        settings = read_settings(folder)
        graph = OnnxGraph.open(folder / MODEL_FILE, settings, threads=threads)
        return cls(graph, preparation=Preparation.read(settings["preparation"]))

    def vectors(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Give vectors of shape (n_pictures, n_features), the mean where a row has several; at least one picture."""
        return mean_of_each(pictures, self._of_each).astype(np.float32)

    def _of_each(self, pictures: Sequence[Picture]) -> np.ndarray:
        found = []
        for start in range(0, len(pictures), IMAGES_AT_ONCE):
            some = pictures[start : start + IMAGES_AT_ONCE]
            found.append(
                self._graph.fed(pixels=np.stack([self._preparation.pixels(picture) for picture in some]))
            )
        return np.concatenate(found)
