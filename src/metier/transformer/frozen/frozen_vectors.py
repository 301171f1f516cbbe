"""Vectors of texts by a base: as it came, or as a method of pairs trained it; and what it costs to have them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import psutil
import torch

from metier.bases.base import Base
from metier.bases.embedding import embed, embed_ids
from metier.bases.known_bases import cutter_of, resolve_base
from metier.features.pair_features import compare, of_length_one
from metier.progress import Listener, ignore
from metier.tasks.inputs.pair import Pair
from metier.tasks.method_contract import TRAINING_OVER_FORWARD
from metier.text.given_texts import text_of
from metier.text.language import detect_language
from metier.training.heads.linear_probe import probe_bytes, probe_seconds
from metier.training.training_cost import Cost, measure_training


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


TOKEN_BUDGET = 1024
USUAL_DIMENSIONS = 384  # Of a vector, to foretell what fitting a head takes.


class ReadsByFrozenBase:
    """A method that runs every row through a base once."""

    base: str

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time a few real batches of these rows and say what a fit costs here; nothing is learned."""
        cost = reading_cost(self.base, X)
        return replace(
            cost,
            seconds_before=cost.seconds_before + probe_seconds(y, USUAL_DIMENSIONS),
            memory_bytes=max(cost.memory_bytes, psutil.Process().memory_info().rss + probe_bytes(y)),
        )


def reading_cost(base: str, items: Sequence[Any], *, rows_tuned: int = 0) -> Cost:
    """Give what it costs to run items through a base once.

    Parameters
    ----------
    rows_tuned : int
        Rows that go there and back through the base besides, however many items there are.
    """
    texts = tuple(text_of(item) for item in items)
    epoch = _epoch_of(base, texts)
    seconds = epoch.seconds_per_epoch / TRAINING_OVER_FORWARD + rows_tuned * epoch.seconds_per_row
    return Cost(
        epoch.seconds_per_row,
        0.0,
        epoch.memory_bytes,
        seconds_before=seconds,
        seconds_per_answer=epoch.seconds_per_answer,
    )


@lru_cache(maxsize=1)  # Several candidates of a run ask the same.
def _epoch_of(name: str, texts: tuple[str, ...]) -> Cost:
    base = resolve_base(name, language=detect_language(texts).main_language)
    return measure_training(base, cutter_of(base).first(texts), n_classes=2, token_budget=TOKEN_BUDGET)
