"""The vectors of texts while a method of pairs is in memory: of a frozen base, or of an encoder it trained."""

from collections.abc import Sequence

import numpy as np
import torch

from metier.predictors.averaged_windows import Cutter
from metier.predictors.pair_vectors import compare, of_length_one
from metier.progress import Listener, ignore
from metier.tasks.pairs import Pair
from metier.transformer.bases import Base, load_model, load_tokenizer
from metier.transformer.embedding import embed, embed_ids

# A token has at least one character, and an encoder puts at most this many tokens of its own around a text.
SPECIAL_TOKENS = 8


def cutter_of(base: Base) -> Cutter:
    """Give what cuts texts for a base."""
    return Cutter(load_tokenizer(base), max_length=base.max_length, prefix=base.prefix)


def frozen_vectors(base: Base, texts: Sequence[str], *, listener: Listener = ignore) -> np.ndarray:
    """Give the vectors of texts by the base as it came, of length 1; kept on disk for texts that fit.

    Returns
    -------
    ndarray of float32 of shape (n_texts, hidden_size)
    """
    room = base.max_length - SPECIAL_TOKENS - len(base.prefix)
    cutter = cutter_of(base)
    # Most texts are so short that nobody need count their tokens.
    is_long = [len(text) > room and len(cutter.cut([text]).ids) > 1 for text in texts]
    vectors = embed(
        base, [text for text, long in zip(texts, is_long, strict=True) if not long] or [""], listener=listener
    )
    found = np.empty((len(texts), vectors.shape[1]), dtype=np.float32)
    found[~np.array(is_long)] = vectors[: is_long.count(False)]
    if any(is_long):
        model = load_model(base)
        found[np.array(is_long)] = trained_vectors(
            model, base, [text for text, long in zip(texts, is_long, strict=True) if long]
        )
    return of_length_one(found)


def trained_vectors(encoder: torch.nn.Module, base: Base, texts: Sequence[str]) -> np.ndarray:
    """Give the vectors of texts by an encoder in memory, of length 1, an ndarray of shape (n_texts, hidden_size)."""

    def run(ids: Sequence[Sequence[int]]) -> np.ndarray:
        return embed_ids(encoder, ids, normalise=True)

    return of_length_one(cutter_of(base).average(run, texts))


def compared(pairs: Sequence[Pair], vectors: dict[str, np.ndarray], comparison: str) -> np.ndarray:
    """Give the numbers of pairs from the vectors of their texts; see `predictors.pair_vectors.compare`."""
    one = np.stack([vectors[pair.text] for pair in pairs])
    other = np.stack([vectors[pair.text_pair] for pair in pairs])
    return compare(one, other, comparison)


def distinct_texts(*parts: Sequence[Pair]) -> list[str]:
    """Give every text of some pairs once."""
    return list(dict.fromkeys(text for pairs in parts for pair in pairs for text in pair))
