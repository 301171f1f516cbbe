"""States of the frozen layers of a causal model, kept for rows that stand behind one another in one sequence.

In causal attention no token sees what comes after it, so what the lower layers make of a row is the same in every epoch,
whatever the layers above have learned: it is computed once, without gradients (see `training.frozen_layer_cache`), and an
epoch costs the upper layers and the vocabulary's product on the tokens of the answers.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch

from metier.bases.precision import mixed_precision
from metier.progress import Listener, Progress, ignore
from metier.training.frozen_layer_cache import LIMIT, TOLERANCE, FrozenLayerCache, most_bytes
from metier.training.packed_attention import bounds_here
from metier.training.packed_batch import PackedBatch
from metier.training.partial_pass import output_of
from metier.transformer.generation.generation_rows import Writer
from metier.transformer.generation.packed_rows import PackedRows


class PackedLayerCache(FrozenLayerCache):
    """The frozen layers of a causal model, and what they give for rows."""

    token_budget: ClassVar[int] = 1024  # More no longer fits the cache of a core, and a token costs more.

    def agrees(self, model: Any, part: Any) -> bool:
        """Whether the layers above make the same of kept states as of computed ones."""
        batch = part.batch(np.arange(min(4, len(part.ids))))
        was_training = model.training
        model.eval()
        with torch.inference_mode():
            computed, _, _ = model(batch)
            with self.in_place():
                kept, _, _ = model(batch)
        model.train(was_training)
        return bool((computed - kept).abs().max() <= TOLERANCE * computed.abs().max())

    def _looked_up(self, named: dict[str, Any], ids: np.ndarray | None) -> torch.Tensor | None:
        bounds = bounds_here()
        row = named["input_ids"][0].tolist()
        return self._kept.packed([_key(row[a:b]) for a, b in pairwise(bounds)])

    def _missing(self, model: Any, parts: Sequence[Any]) -> dict[bytes, int]:
        found = {_key(row): len(row) for part in parts for row in part.ids}
        return {key: length for key, length in found.items() if key not in self._kept.places}

    def _states_of(
        self, model: Any, batch: PackedBatch, missing: dict[bytes, int]
    ) -> Iterator[tuple[bytes, np.ndarray]]:
        ids, bounds = batch.input_ids[0].tolist(), batch.bounds
        fresh = {_key(ids[a:b]): (a, b) for a, b in pairwise(bounds)}
        fresh = {key: place for key, place in fresh.items() if key in missing}
        if not fresh:
            return
        halved = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision() == "bf16")
        with torch.inference_mode(), halved:
            output = output_of(self._last, lambda: model(batch))
        states = output[0] if self._gives_tuple else output
        bits = states[0].to(torch.bfloat16).cpu().view(torch.int16).numpy().view(np.uint16)
        for key, (first, end) in fresh.items():
            yield key, bits[first:end]


@contextmanager
def kept_states(
    writer: Writer, n_layers: int, parts: Sequence[PackedRows], *, listener: Listener = ignore
) -> Iterator[bool]:
    """Let a writer learn over kept states of its lowest layers; gives whether they are kept.

    Parameters
    ----------
    n_layers : int
        How many layers, from the lowest, do not train; 0: nothing is kept.
    parts : sequence of PackedRows
        Rows to learn from and rows to compare epochs on.

    Raises
    ------
    StorageError
        If there is not enough disk space for them.
    """
    if n_layers == 0 or most_bytes() == 0:
        yield False
        return
    cache = PackedLayerCache(writer.language_model.base_model, n_layers)
    if not cache.fill(writer, parts, listener=listener):
        listener(
            Progress(f"more than {LIMIT} allows: frozen layers are computed in every epoch", 0, None, unit="")
        )
        yield False
        return
    if not cache.agrees(writer, parts[0]):
        yield False
        return
    with cache.in_place():
        yield True


def _key(row: Sequence[int]) -> bytes:
    return hashlib.blake2b(np.asarray(row, dtype=np.int64).tobytes(), digest_size=16).digest()
