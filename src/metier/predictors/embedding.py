"""What some predictors have besides answers: a vector of each text, near to those of like meaning."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class EmbedsTexts(Protocol):
    """A predictor that may give the vector of a text."""

    @property
    def embeds_texts(self) -> bool:
        """Whether it gives any: of graphs only those with one vector a text do."""
        ...

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, an ndarray of shape (n_texts, size), of length 1 or 0; at least one text."""
        ...


def embedder_among(predictors: Iterable[Any]) -> EmbedsTexts | None:
    """Give the first of some predictors that gives the vectors of texts; None: none does."""
    return next((one for one in predictors if isinstance(one, EmbedsTexts) and one.embeds_texts), None)
