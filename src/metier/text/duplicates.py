"""Exact and near duplicates among texts.

Near duplicates are found in three steps: character shingles of every text, MinHash signatures of the shingles
[1]_ (from the rensa package) whose bands collide for similar texts [2]_, and a check of every collision
against the real Jaccard similarity. So there are no false positives, and few misses (0.3 % of pairs at a
similarity of 0.8).

References
----------
.. [1] Broder, "On the resemblance and containment of documents", 1997.
.. [2] Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3, 2014.
"""

import functools
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rensa import RMinHash

from metier.text.normalisation import normalise
from metier.text.segmentation import has_han

THRESHOLD = 0.8
# A Chinese word is about two characters and an English one about five.
SHINGLE_HAN, SHINGLE_OTHER = 2, 4
MOST_CHARACTERS = 20_000  # Of each text: the start of a book is enough.
# 20 bands of 6: a pair at similarity 0.8 collides with a probability of 99.7 %, one at 0.5 with 27 %; the real
# similarity then rejects it.
N_BANDS, BAND_ROWS = 20, 6
# The family of hash functions is fixed: the same rows always give the same clusters.
HASH_FAMILY = 1
CHUNK_TEXTS = 20_000
# In a crowded bucket each text is compared with this many different ones before it is given up.
MOST_LEADERS = 16


@dataclass(frozen=True)
class Clusters:
    """Clusters of texts.

    Parameters
    ----------
    ids : ndarray of shape (n_texts,) and type int64
        Two texts of one cluster have the same number, which is the position of the first of them.
    """

    ids: np.ndarray

    def groups(self) -> list[np.ndarray]:
        """Positions of the texts of each cluster of two or more, in the order of the clusters' first texts."""
        order = np.argsort(self.ids, kind="stable")
        starts = np.flatnonzero(np.diff(self.ids[order], prepend=-1))
        return [group for group in np.split(order, starts[1:]) if len(group) > 1] if len(order) else []

    @property
    def n_repeats(self) -> int:
        """How many texts would be removed if one of each cluster stayed."""
        return len(self.ids) - len(np.unique(self.ids))


class FoundClusters:
    """The clusters that were found last, by what they were found in.

    The audit, the split and the folds of a run ask for the same rows, and a search takes some twenty times as long as
    its key.

    Parameters
    ----------
    most : int
        How many are kept, of 8 bytes a text or image.
    """

    def __init__(self, most: int = 4):
        self._most = most
        self._found: dict[bytes, Clusters] = {}

    def get(self, what: bytes, search: Callable[[], Clusters]) -> Clusters:
        """Give the clusters in `what`, which is searched unless it was; they cannot be written to."""
        key = hashlib.blake2b(what).digest()
        clusters = self._found.pop(key, None) or search()
        clusters.ids.flags.writeable = False
        self._found[key] = clusters  # The last one used is the last one to go.
        for oldest in list(self._found)[: -self._most]:
            self._found.pop(oldest, None)
        return clusters


_NEAR = FoundClusters()


def text_keys(texts: Iterable[str]) -> np.ndarray:
    """Give a number for each text that is the same where two texts are equal after normalisation.

    Returns
    -------
    ndarray of shape (n_texts,) and type uint64
        The head of a BLAKE2b digest: among two million texts two different ones share it with a probability
        of 1e-7.
    """
    digests = b"".join(
        hashlib.blake2b(normalise(text).encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for text in texts
    )
    return np.frombuffer(digests, dtype=np.uint64)


def exact_duplicates(texts: Sequence[str]) -> Clusters:
    """Cluster the texts that are equal after normalisation (case, width, spaces, sentence marks)."""
    return _equal(text_keys(texts))


def _equal(keys: np.ndarray) -> Clusters:
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return Clusters(first[inverse].astype(np.int64))


def near_duplicates(texts: Sequence[str], *, threshold: float = THRESHOLD) -> Clusters:
    """Cluster the texts that share most of their character shingles; exact duplicates included.

    Clusters are transitive: if a is like b and b like c, all three are in one cluster, as splits require. Texts that
    were searched before are not searched again, as an audit and a split ask for the same.

    Parameters
    ----------
    threshold : float, default=0.8
        Smallest Jaccard similarity of the shingle sets, 0 to 1.
    """
    keys = text_keys(texts)
    return _NEAR.get(keys.tobytes() + str(threshold).encode(), lambda: _search(texts, _equal(keys), threshold))


def _search(texts: Sequence[str], exact: Clusters, threshold: float) -> Clusters:
    # One of each group of equal texts is enough.
    positions = np.unique(exact.ids)
    is_first = np.zeros(len(texts), dtype=bool)
    is_first[positions] = True
    bands = _band_keys(itertools.compress(texts, is_first.tolist()))
    forest = _Forest(len(texts))
    shingles = functools.lru_cache(maxsize=4096)(lambda position: _shingles(normalise(texts[position])))
    for bucket in _buckets(bands):
        _join_similar([int(positions[member]) for member in bucket], shingles, forest, threshold)
    roots = np.fromiter((forest.root(first) for first in exact.ids.tolist()), dtype=np.int64, count=len(texts))
    return Clusters(roots)


def _shingle_size(text: str) -> int:
    return SHINGLE_HAN if has_han(text) else SHINGLE_OTHER


def _shingles(text: str) -> frozenset[str]:
    size, text = _shingle_size(text), text[:MOST_CHARACTERS]
    return frozenset(text[start : start + size] for start in range(max(len(text) - size + 1, 1)))


def signatures(texts: Sequence[str]) -> np.ndarray:
    """Give the MinHash signatures of texts, which share a number about as often as the texts share shingles.

    Returns
    -------
    ndarray of shape (n_texts, 120) and type uint64
        In the order of the bands, 6 numbers each.
    """
    given = [normalise(text)[:MOST_CHARACTERS] for text in texts]
    found = np.empty((len(given), N_BANDS * BAND_ROWS), dtype=np.uint64)
    sizes = np.array([_shingle_size(text) for text in given], dtype=np.int64)
    for size in np.unique(sizes):
        of_size = np.flatnonzero(sizes == size)
        found[of_size] = _signatures_of([given[position] for position in of_size], int(size))
    return found


def band_keys(signed: np.ndarray) -> np.ndarray:
    """Give a key for each band of signatures: a uint64 ndarray of shape (n_texts, N_BANDS)."""
    bands = signed.astype(np.uint64, copy=False).reshape(len(signed), N_BANDS, BAND_ROWS)
    return np.asarray((bands * _odd_numbers(BAND_ROWS)).sum(axis=2, dtype=np.uint64))


def _band_keys(texts: Iterable[str]) -> np.ndarray:
    """Give the keys of the bands of each text, some thousands of texts at a time."""
    texts = iter(texts)
    chunks = [np.empty((0, N_BANDS), dtype=np.uint64)]
    while chunk := list(itertools.islice(texts, CHUNK_TEXTS)):
        chunks.append(band_keys(signatures(chunk)))
    return np.concatenate(chunks)


def _signatures_of(texts: list[str], size: int) -> np.ndarray:
    hashes, offsets = _shingle_hashes(texts, size)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, N_BANDS * BAND_ROWS, HASH_FAMILY)
    return np.array(matrix.to_rows(), dtype=np.uint64).reshape(len(texts), -1)


def _shingle_hashes(texts: list[str], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Hash every shingle of every text at once; gives the hashes, and where each text's begin and all end."""
    padded = [text.ljust(size, "\0") for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.uint64
    )
    windows = np.array([len(text) - size + 1 for text in padded])
    # A window must not reach into the next text, so `size - 1` positions are jumped at every border.
    starts = np.arange(windows.sum()) + np.repeat(np.arange(len(texts)) * (size - 1), windows)
    factors = _odd_numbers(size)
    hashes = np.zeros(len(starts), dtype=np.uint64)
    for offset in range(size):
        hashes += codes[starts + offset] * factors[offset]
    hashes ^= hashes >> np.uint64(31)
    return hashes * np.uint64(0x9E3779B97F4A7C15), np.concatenate([[0], np.cumsum(windows)]).astype(np.uint64)


@functools.cache
def _odd_numbers(count: int) -> np.ndarray:
    random = np.random.default_rng(HASH_FAMILY)
    return random.integers(0, 2**63, size=count, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _buckets(bands: np.ndarray) -> Iterator[np.ndarray]:
    """Give the positions that share the key of a band, two or more, band by band."""
    for band in range(bands.shape[1]):
        keys = bands[:, band]
        order = np.argsort(keys, kind="stable")
        borders = np.flatnonzero(np.diff(keys[order])) + 1
        starts = np.concatenate([[0], borders])
        ends = np.concatenate([borders, [len(order)]])
        for bucket in np.flatnonzero(ends - starts > 1):
            yield order[starts[bucket] : ends[bucket]]


def _join_similar(
    bucket: list[int], shingles: Callable[[int], frozenset[str]], forest: "_Forest", threshold: float
) -> None:
    leaders: list[int] = []
    for position in bucket:
        for leader in leaders:
            if forest.root(position) == forest.root(leader):
                break
            if _jaccard(shingles(position), shingles(leader)) >= threshold:
                forest.join(position, leader)
                break
        else:
            if len(leaders) < MOST_LEADERS:
                leaders.append(position)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


class _Forest:
    """Disjoint sets of positions; the root of each is its smallest member."""

    def __init__(self, count: int):
        self._parents = list(range(count))

    def root(self, position: int) -> int:
        parents = self._parents
        while parents[position] != position:
            parents[position] = parents[parents[position]]
            position = parents[position]
        return position

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._parents[high] = low


def clusters_of_pairs(pairs: Iterable[tuple[int, int]], count: int) -> Clusters:
    """Cluster positions from 0 to below a count by the pairs of them that belong together, transitively."""
    forest = _Forest(count)
    for one, other in pairs:
        forest.join(one, other)
    return Clusters(np.fromiter(map(forest.root, range(count)), dtype=np.int64, count=count))


def join_clusters(first: Clusters, second: Clusters) -> Clusters:
    """Join texts that are together in either of two clusterings."""
    forest = _Forest(len(first.ids))
    for ids in (first.ids, second.ids):
        for position in np.flatnonzero(ids != np.arange(len(ids))).tolist():
            forest.join(position, int(ids[position]))
    return Clusters(np.fromiter(map(forest.root, range(len(first.ids))), dtype=np.int64, count=len(first.ids)))
