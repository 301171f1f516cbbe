"""What the frozen blocks of the image tower give of the images of joint rows, computed once; see `training.map_cache`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from metier.multimodal.joint_rows import JointBatch, JointRows
from metier.progress import Listener, Progress, ignore
from metier.training.frozen_layer_cache import most_bytes
from metier.training.map_cache import map_files, n_kept_blocks

IMAGES_AT_ONCE = 8


@dataclass(frozen=True)
class JointMapRows(JointRows):
    """Joint rows of whose images the maps after some blocks are kept.

    Parameters
    ----------
    maps : ndarray of float16 of shape (n_maps, ...)
        Of every image, and of every version of it.
    places : ndarray of int64 of shape (n_versions * n_rows,)
        Where the map of each is; -1 where there is no image.
    n_blocks : int
    """

    maps: np.ndarray
    places: np.ndarray
    n_blocks: int

    def with_images(self, batch: JointBatch, positions: np.ndarray) -> JointBatch:
        """Give the batch of these entries with the maps of their images."""
        places = self.places[[self.image_entry(int(one)) for one in positions]]
        maps = torch.from_numpy(self.maps[np.maximum(places, 0)])
        return replace(batch, maps=maps, n_blocks=self.n_blocks)


@contextmanager
def kept_joint_maps(
    network: Any, parts: Sequence[JointRows], n_frozen: int, *, listener: Listener = ignore
) -> Iterator[Sequence[JointRows] | None]:
    """Give rows with their maps, in files that are gone afterwards; None where nothing is kept.

    Parameters
    ----------
    network : ImageNetwork
    parts : sequence of JointRows
        Rows to learn from, and rows to compare epochs on.
    n_frozen : int
        Blocks that will not train.
    """
    n_blocks = n_kept_blocks(network, n_frozen)
    wanted = [_versions(part) for part in parts]
    shape = _shape(network, parts[0], n_blocks) if n_blocks else ()
    n_bytes = sum(len(entries) for entries, _ in wanted) * int(np.prod(shape)) * 2
    if not n_blocks or n_bytes > most_bytes():
        yield None
        return
    with map_files([max(1, len(entries)) for entries, _ in wanted], shape) as files:
        found = []
        for part, (entries, places), maps in zip(parts, wanted, files, strict=True):
            _fill(network, part, entries, maps, n_blocks, listener)
            found.append(JointMapRows(**vars(part), maps=maps, places=places, n_blocks=n_blocks))
        yield found


def _versions(part: JointRows) -> tuple[list[int], np.ndarray]:
    """Give an entry for each different version of an image, and which of them each version of each row's image is."""
    n_versions = part.image_views if part.augmentation.changes else 1
    places = np.full(n_versions * len(part), -1, dtype=np.int64)
    entries: list[int] = []
    place_of: dict[Any, int] = {}
    for entry in range(len(places)):
        picture = part.pictures[entry % len(part)]
        if picture is None:
            continue
        key = entry if part.augmentation.changes else picture.content
        if key not in place_of:
            place_of[key] = len(entries)
            entries.append(entry)
        places[entry] = place_of[key]
    return entries, places


def _shape(network: Any, part: JointRows, n_blocks: int) -> tuple[int, ...]:
    """The shape of the maps of one image."""
    blank = torch.zeros((1, part.preparation.height, part.preparation.width, 3), dtype=torch.uint8)
    with torch.inference_mode():
        return tuple(network.lower(blank, n_blocks).shape[1:])


def _fill(
    network: Any, part: JointRows, entries: Sequence[int], maps: np.ndarray, n_blocks: int, listener: Listener
) -> None:
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(entries), IMAGES_AT_ONCE):
            some = entries[start : start + IMAGES_AT_ONCE]
            pixels = torch.from_numpy(np.stack([part.pixels(entry) for entry in some]))
            maps[start : start + len(some)] = network.lower(pixels, n_blocks).to(torch.float16).numpy()
            listener(Progress(f"maps of {n_blocks} frozen blocks", start + len(some), len(entries)))
    network.train(was_training)
