"""From a text and its image to logits, by a graph for each and a small one that puts them together.

Where a row lacks one of the two, the tower of that one is not run: the fusion has a learnt token for it.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from metier.features.averaged_windows import Cutter
from metier.image.picture import Picture, mean_of_each
from metier.image.preparation import Preparation
from metier.predictors.onnx.graph_logits import Vectors
from metier.predictors.onnx.graph_session import GraphParts
from metier.tasks.inputs.pair_image import TextImagePair
from metier.tasks.inputs.text_image import TextImage

ROWS_AT_ONCE = 64
IMAGES_AT_ONCE = 16  # Decoded they are 2.4 MB, and their maps some 150 MB.


class JointLogits:
    """Logits that the graph of a fusion gives of what two towers gave.

    Parameters
    ----------
    parts : GraphParts
        `graph` takes tokens; of `further`, `image` takes pixels, and `fusion` takes `text`, `image`, `has_text` and
        `has_image`. `settings` say how texts are read (`reading`): as one vector (`whole`), or token by token (`tokens`).
    """

    def __init__(self, parts: GraphParts):
        settings = parts.settings
        self._graph, self._image, self._fusion = parts.graph, parts.further["image"], parts.further["fusion"]
        stated = {name: one for name, one in settings["preparation"].items() if name != "normalised_by"}
        self._preparation = Preparation.read(stated)
        self._text_size: int = settings["text_size"]
        self._image_numbers: int = settings["image_numbers"]
        self._n_logits = len(settings["labels"]) or 1
        self._most_tokens: int | None = settings["most_tokens"] if settings["reading"] == "tokens" else None
        self._cutter = Cutter(parts.tokenizer, max_length=settings["max_length"], prefix=settings["prefix"])
        self._vectors = Vectors(parts.graph, self._cutter, unit_length=False)

    @classmethod
    def of(cls, parts: GraphParts) -> Self:
        """Make it of an opened folder."""
        return cls(parts)

    def __call__(self, items: Sequence[Any]) -> np.ndarray:
        """Give logits, an ndarray of float64 of shape (n_items, n_logits); raises `ImageError` for what is no image."""
        logits = np.empty((len(items), self._n_logits), dtype=np.float64)
        for start in range(0, len(items), ROWS_AT_ONCE):
            some = items[start : start + ROWS_AT_ONCE]
            logits[start : start + len(some)] = self._of_some(some)
        return logits

    def _of_some(self, items: Sequence[Any]) -> np.ndarray:
        return self._fusion.fed(**self._read(items))

    def _read(self, items: Sequence[TextImage]) -> dict[str, np.ndarray]:
        """Give what the fusion takes of some rows."""
        read = self._as_vectors if self._most_tokens is None else self._as_tokens
        text, has_text = read([item.text for item in items])
        image, has_image = self._images([item.picture for item in items])
        return {"text": text, "image": image, "has_text": has_text, "has_image": has_image}

    def _as_vectors(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Give the vector of each text, zeros where there is none, and 1 or 0: which it is."""
        rows = [row for row, text in enumerate(texts) if text.strip()]
        vectors = np.zeros((len(texts), self._text_size), dtype=np.float32)
        if rows:
            vectors[rows] = self._vectors([texts[row] for row in rows])
        return vectors, _marked(rows, len(texts))

    def _as_tokens(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Give the states of each text's first tokens, zeros where there are none, and which are none."""
        rows = [row for row, text in enumerate(texts) if text.strip()]
        states: list[np.ndarray] = []
        if rows:
            ids = [row[: self._most_tokens] for row in self._cutter.first([texts[row] for row in rows])]
            states = self._graph.token_rows(ids)
        longest = max((len(one) for one in states), default=1)
        found = np.zeros((len(texts), longest, self._text_size), dtype=np.float32)
        mask = np.zeros((len(texts), longest), dtype=np.float32)
        for row, one in zip(rows, states, strict=True):
            found[row, : len(one)], mask[row, : len(one)] = one, 1.0
        return found, mask

    def _images(self, pictures: Sequence[Picture | None]) -> tuple[np.ndarray, np.ndarray]:
        """Give the numbers of each row's image, of several their mean, zeros where there is none, and 1 or 0."""
        rows = [row for row, picture in enumerate(pictures) if picture is not None]
        numbers = np.zeros((len(pictures), self._image_numbers), dtype=np.float32)
        if rows:
            numbers[rows] = mean_of_each([one for one in pictures if one is not None], self._numbers_of)
        return numbers, _marked(rows, len(pictures))

    def _numbers_of(self, pictures: Sequence[Picture]) -> np.ndarray:
        parts = []
        for start in range(0, len(pictures), IMAGES_AT_ONCE):
            some = pictures[start : start + IMAGES_AT_ONCE]
            pixels = [self._preparation.pixels(picture) for picture in some]
            parts.append(self._image.fed(pixels=np.stack(pixels)))
        return np.concatenate(parts)


class JointPairLogits(JointLogits):
    """Logits of pairs: both sides are read by the same towers, and the fusion takes all four."""

    def _of_some(self, items: Sequence[TextImagePair]) -> np.ndarray:
        both = self._read([side for pair in items for side in pair])
        one = {name: values[0::2] for name, values in both.items()}
        other = {f"{name}_pair": values[1::2] for name, values in both.items()}
        return self._fusion.fed(**one, **other)


def _marked(rows: Sequence[int], n_rows: int) -> np.ndarray:
    marks = np.zeros((n_rows, 1), dtype=np.float32)
    marks[list(rows)] = 1.0
    return marks
