"""The vectors of texts while a method of pairs is in memory: of a frozen base, or of an encoder it trained."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from metier.bases.base import Base
from metier.bases.embedding import embed, embed_ids
from metier.bases.known_bases import cutter_of
from metier.features.pair_features import compare, of_length_one
from metier.progress import Listener, ignore
from metier.tasks.inputs.pair import Pair


def frozen_vectors(base: Base, texts: Sequence[str], *, listener: Listener = ignore) -> np.ndarray:
    """Give the vectors of texts by the base as it came, of length 1; kept on disk.

    Returns
    -------
    ndarray of float32 of shape (n_texts, hidden_size)
    """
    # Windows count by their direction, as those of an encoder that was trained on pairs do.
    return of_length_one(embed(replace(base, normalise=True), texts, listener=listener))


def trained_vectors(encoder: torch.nn.Module, base: Base, texts: Sequence[str]) -> np.ndarray:
    """Give the vectors of texts by an encoder in memory, of length 1, an ndarray of shape (n_texts, hidden_size)."""

    def run(ids: Sequence[Sequence[int]]) -> np.ndarray:
        return embed_ids(encoder, ids, normalise=True)

    return of_length_one(cutter_of(base).average(run, texts))


def compared(pairs: Sequence[Pair], vectors: dict[str, np.ndarray], comparison: str) -> np.ndarray:
    """Give the numbers of pairs from the vectors of their texts; see `features.pair_features.compare`."""
    one = np.stack([vectors[pair.text] for pair in pairs])
    other = np.stack([vectors[pair.text_pair] for pair in pairs])
    return compare(one, other, comparison)


def distinct_texts(*parts: Sequence[Pair]) -> list[str]:
    """Give every text of some pairs once."""
    return list(dict.fromkeys(text for pairs in parts for pair in pairs for text in pair))
