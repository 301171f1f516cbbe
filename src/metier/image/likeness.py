"""Which pictures are alike: equal files, and those that look the same after scaling, saving again or small edits.

A picture is known by the signs of its differences between neighbours, 8 x 8 across and 8 x 8 down [1]_, and by a
thumbnail of 16 x 16 greys. Two are near duplicates where few signs differ and the thumbnails hardly do: the second
keeps apart drawings on white, whose many equal neighbours have signs by chance. Both are a few lines of numpy; the
packages for such hashes bring wavelets (ImageHash), or only the signs (dhash, last released in 2022).

Mirrored and turned pictures are others, and so is a part of a picture.

References
----------
.. [1] Krawetz, "Kind of like that", 2013 (difference hash).
"""

import functools
import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metier.image.decoding import decoded, opened
from metier.image.picture import Picture
from metier.text.duplicates import Clusters, FoundClusters, clusters_of_pairs

SIDE = 8
THUMBNAIL = 16
DECODED = 144  # Pixels of a side: nine blocks of sixteen.
MOST_SIGNS = 10  # Of 128 that may differ.
MOST_GREY = 8.0  # Mean absolute difference of the thumbnails, of 255.
BLANK = 2.0  # Standard deviation of the greys of a picture that shows nothing.
KEPT = 100_000  # Pictures whose looks are kept while a process runs, of some 600 bytes each.
COMPARED_AT_ONCE = 512
_NEAR = FoundClusters()
_LOOKS_BY_CONTENT: dict[str, "Look"] = {}  # Of bytes; a cache by arguments would keep the bytes themselves.


@dataclass(frozen=True)
class Look:
    """What is known of a picture without its pixels.

    Parameters
    ----------
    width, height : int
        In pixels, as the file states them.
    signs : bytes
        128 bits.
    greys : bytes
        Of the thumbnail, row by row.
    content : str
        SHA-256 of the file.
    """

    width: int
    height: int
    signs: bytes
    greys: bytes
    content: str

    @property
    def is_blank(self) -> bool:
        """Whether all of it has one colour."""
        return bool(np.frombuffer(self.greys, np.uint8).std() < BLANK)


def look_at(image: str | Path | Picture) -> Look:
    """Decode an image small and give its look; one that stays as it is is looked at once a process.

    Raises
    ------
    ImageError, ImageTooLargeError
        As `decoding.decoded` does.
    """
    picture = image if isinstance(image, Picture) else Picture.of_file(image)
    if isinstance(picture.source, bytes):
        return _look_of_bytes(picture)
    path = picture.source
    try:
        state = path.stat()
    except OSError:
        return _look(str(path), 0, 0)  # Raises, and says what is wrong.
    return _look(str(path), state.st_size, state.st_mtime_ns)


def _look_of_bytes(picture: Picture) -> Look:
    content = hashlib.sha256(picture.read()).hexdigest()
    if content not in _LOOKS_BY_CONTENT:
        if len(_LOOKS_BY_CONTENT) >= KEPT:
            _LOOKS_BY_CONTENT.clear()
        _LOOKS_BY_CONTENT[content] = _decoded_look(picture)
    return _LOOKS_BY_CONTENT[content]


@functools.lru_cache(maxsize=KEPT)
def _look(path: str, size: int, modified_ns: int) -> Look:
    return _decoded_look(Picture.of_file(path))


def _decoded_look(picture: Picture) -> Look:
    with opened(picture) as image:
        width, height = image.size
    pixels = decoded(picture, DECODED)
    greys = pixels @ np.array([0.299, 0.587, 0.114])
    cells = _means(greys, SIDE + 1)
    across, down = cells[:SIDE, 1:] > cells[:SIDE, :-1], cells[1:, :SIDE] > cells[:-1, :SIDE]
    signs = np.packbits(np.concatenate([across.ravel(), down.ravel()])).tobytes()
    thumbnail = np.rint(_means(greys, THUMBNAIL)).astype(np.uint8).tobytes()
    return Look(width, height, signs, thumbnail, hashlib.sha256(picture.read()).hexdigest())


def _means(greys: np.ndarray, cells: int) -> np.ndarray:
    step = DECODED // cells
    means: np.ndarray = greys.reshape(cells, step, cells, step).mean(axis=(1, 3))
    return means


def near_duplicate_pictures(looks: Sequence[Look]) -> Clusters:
    """Cluster pictures that look the same; equal files included. Clusters are transitive.

    Every picture is compared with every other: 20,000 take about a second on one core. Pictures that were compared
    before are not compared again.
    """
    return _NEAR.get("".join(look.content for look in looks).encode(), lambda: _search(looks))


def _search(looks: Sequence[Look]) -> Clusters:
    signs = np.frombuffer(b"".join(look.signs for look in looks), np.uint64).reshape(len(looks), 2)
    greys = np.frombuffer(b"".join(look.greys for look in looks), np.uint8).reshape(len(looks), -1)
    same_look = _equal([(look.signs, look.greys) for look in looks]).ids
    firsts, every = np.unique(same_look), np.arange(len(looks))
    edges = [(every, equal_pictures(looks).ids), (every, same_look)]
    for start in range(0, len(firsts), COMPARED_AT_ONCE):
        some = firsts[start : start + COMPARED_AT_ONCE]
        differing = np.bitwise_count(signs[some][:, None, :] ^ signs[firsts][None, :, :]).sum(axis=2)
        near = np.nonzero(differing <= MOST_SIGNS)
        ones, others = some[near[0]], firsts[near[1]]
        alike = np.abs(greys[ones].astype(np.int16) - greys[others]).mean(axis=1) <= MOST_GREY
        edges.append((ones[alike], others[alike]))
    pairs = (pair for ones, others in edges for pair in zip(ones.tolist(), others.tolist(), strict=True))
    return clusters_of_pairs(pairs, len(looks))


def equal_pictures(looks: Sequence[Look]) -> Clusters:
    """Cluster the pictures whose files are equal."""
    return _equal([look.content for look in looks])


def _equal(keys: Sequence[Hashable]) -> Clusters:
    firsts: dict[Hashable, int] = {}
    ids = [firsts.setdefault(key, position) for position, key in enumerate(keys)]
    return Clusters(np.array(ids, dtype=np.int64))
