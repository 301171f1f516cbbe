"""A picture that is not decoded yet: a file, or the bytes of one; and the pictures of a row that has several."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from metier.errors import ImageError
from metier.media_file import MediaFile, read_faults

KEPT = 100_000  # Hashes of files that a process remembers.


@dataclass(frozen=True)
class Picture(MediaFile):
    """Where a picture is.

    Parameters
    ----------
    source : Path or bytes
        A file, or what a file of it would hold.
    called : str
        What messages call it: the file, or the field of a request.
    n_pixels : int
        As its header states them; 0 where it was not opened yet.
    others : tuple of Picture
        Further pictures of the same row.
    """

    n_pixels: int = 0
    others: tuple["Picture", ...] = ()

    @classmethod
    def of_several(cls, pictures: Sequence["Picture"]) -> "Picture":
        """Give the pictures of one row as one: the first, which holds the others."""
        first, *others = pictures
        return replace(first, others=tuple(others))

    @property
    def each(self) -> tuple["Picture", ...]:
        """Every picture of the row, each by itself."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    @property
    def content(self) -> str:
        """SHA-256 of the file, computed once a process for each state of it.

        Raises
        ------
        ImageError
            If the file cannot be read.
        """
        if isinstance(self.source, bytes):
            return self.digest()
        with read_faults(ImageError, self, (OSError,)):
            state = self.source.stat()
            return _content(str(self.source), state.st_size, state.st_mtime_ns)


def mean_of_each(pictures: Sequence[Picture], compute: Callable[[list[Picture]], np.ndarray]) -> np.ndarray:
    """Compute a vector of every picture, and give the mean of each row: what is learned of several pictures.

    A linear head gives the same of the mean of vectors as the mean of what it gives of each.

    Parameters
    ----------
    compute : callable
        Gives an ndarray of shape (n, n_numbers) for n pictures.

    Returns
    -------
    ndarray of shape (n_pictures, n_numbers)
    """
    found = compute([one for picture in pictures for one in picture.each])
    counts = np.array([len(picture.each) for picture in pictures])
    if len(found) == len(pictures):
        return found
    sums = np.add.reduceat(found, np.cumsum(counts) - counts, axis=0)
    means: np.ndarray = (sums / counts[:, None]).astype(found.dtype)
    return means


@functools.lru_cache(maxsize=KEPT)
def _content(path: str, size: int, modified_ns: int) -> str:
    return MediaFile.of_file(path).digest()
