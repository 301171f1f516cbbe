"""Maps of the blocks that do not train, computed once: every epoch after costs the upper blocks alone.

While some blocks of a network of images are frozen, what the last of them gives for an image never changes, nor for a view
of it. It is computed once, without gradients, and kept in float16 in a file of its own in the user cache, which is
removed when training ends; memory holds the batch that is read. Blocks whose maps are large are computed in every epoch:
what is kept stays below `METIER_PREFIX_CACHE_GB`, as for texts (`frozen_layer_cache`).
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metier.bases.image_network import InTwoParts
from metier.progress import Listener, Progress, ignore
from metier.training.frozen_layer_cache import most_bytes
from metier.training.image_rows import ImageRows, MapBatch
from metier.user_cache import user_cache

IMAGES_AT_ONCE = 8


@dataclass(frozen=True)
class MapRows(ImageRows):
    """Images of which the maps after some blocks are kept; a batch holds maps in the place of pixels.

    Parameters
    ----------
    maps : ndarray of float16 of shape (n_entries, ...)
    n_blocks : int
    """

    maps: np.ndarray
    n_blocks: int

    def batch(self, positions: np.ndarray) -> Any:
        """The entries at these positions as one batch."""
        return MapBatch(torch.from_numpy(self.maps[positions]), self.n_blocks, self.labels(positions))


def n_kept_blocks(network: Any, n_frozen: int) -> int:
    """Give after how many of the frozen blocks maps are kept; 0 where the network cannot be read in two parts."""
    return n_frozen if isinstance(network, InTwoParts) and most_bytes() > 0 else 0


def with_maps(model: Any, rows: ImageRows, n_blocks: int, *, listener: Listener = ignore) -> MapRows:
    """Give rows with their maps, which are held in memory: for a few."""
    shape = _shape(model, rows, n_blocks)
    maps = np.empty((len(rows.lengths), *shape), dtype=np.float16)
    return _filled(model, rows, n_blocks, maps, listener)


@contextmanager
def kept_maps(
    model: Any, parts: Sequence[ImageRows], n_frozen: int, *, listener: Listener = ignore
) -> Iterator[Sequence[ImageRows] | None]:
    """Give rows with their maps, in files that are gone afterwards; None where nothing is kept.

    Parameters
    ----------
    model : ImageModel
    parts : sequence of ImageRows
        Rows to learn from, and rows to compare epochs on.
    n_frozen : int
        Blocks that will not train.
    """
    n_blocks = n_kept_blocks(model.network, n_frozen)
    if n_blocks == 0:
        yield None
        return
    shape = _shape(model, parts[0], n_blocks)
    n_bytes = sum(len(part.lengths) for part in parts) * int(np.prod(shape)) * 2
    if n_bytes > most_bytes():
        listener(Progress("maps of frozen blocks are too large to keep", 0, None, unit=""))
        yield None
        return
    with map_files([len(part.lengths) for part in parts], shape) as files:
        yield [_filled(model, part, n_blocks, maps, listener) for part, maps in zip(parts, files, strict=True)]


@contextmanager
def map_files(sizes: Sequence[int], shape: tuple[int, ...]) -> Iterator[list[np.ndarray]]:
    """Give an array of float16 of shape (size, *shape) for each size, in files that are gone afterwards."""
    root = user_cache() / "image-maps"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="maps-") as folder:
        yield [
            np.lib.format.open_memmap(
                Path(folder, f"{number}.npy"), mode="w+", dtype=np.float16, shape=(size, *shape)
            )
            for number, size in enumerate(sizes)
        ]


def _shape(model: Any, rows: ImageRows, n_blocks: int) -> tuple[int, ...]:
    """The shape of the maps of one image."""
    with torch.inference_mode():
        one = replace(rows, pictures=rows.pictures[:1], truth=None).batch(np.zeros(1, np.int64))
        return tuple(model.network.lower(one.to(model.head.weight.device).pixels, n_blocks).shape[1:])


def _filled(model: Any, rows: ImageRows, n_blocks: int, maps: np.ndarray, listener: Listener) -> MapRows:
    was_training, device = model.training, model.head.weight.device
    model.eval()
    with torch.inference_mode():
        for positions, batch in rows.in_order_of_length(IMAGES_AT_ONCE):
            found = model.network.lower(batch.to(device).pixels, n_blocks)
            maps[positions] = found.to(torch.float16).cpu().numpy()
            listener(Progress(f"maps of {n_blocks} frozen blocks", int(positions[-1]) + 1, len(maps)))
    model.train(was_training)
    return MapRows(
        rows.pictures,
        rows.truth,
        rows.preparation,
        maps,
        n_blocks,
        augmentation=rows.augmentation,
        views=rows.views,
        random_state=rows.random_state,
    )
