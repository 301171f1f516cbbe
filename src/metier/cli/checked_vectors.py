"""Vectors of a packaged encoder for a closer look at labels: `metier check --thorough`."""

from collections.abc import Callable, Sequence

import numpy as np

from metier.bases import resolve_base
from metier.errors import MissingExtraError
from metier.progress import Listener
from metier.text import LanguageMix


def encoder_of(listener: Listener) -> Callable[[LanguageMix], Callable[[Sequence[str]], np.ndarray]]:
    """Give what finds the encoder for the language of the rows; raises `MissingExtraError` where torch is missing."""
    try:
        from metier.bases.embedding import embed
    except ImportError as error:
        raise MissingExtraError("metier check --thorough", extra="train") from error

    def encoder(languages: LanguageMix) -> Callable[[Sequence[str]], np.ndarray]:
        base = resolve_base("auto", language=languages.main_language)
        return lambda texts: embed(base, texts, listener=listener)

    return encoder
