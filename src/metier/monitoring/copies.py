"""Messages that say nearly the same as one of the days before: found as they come, in memory that does not grow.

Each text has a MinHash signature [1]_ of its character shingles (`text.duplicates`), cut to 16 bits a number: two texts
share a number about as often as they share shingles, with a standard error of 0.04 at a similarity of 0.8. A text is held
against earlier originals that share one of 20 bands of 6 numbers with it. Where two originals share a place of a band's
table, the later one has it; the other bands still lead to the earlier.

What is a copy depends on the texts and times up to then in their order, and on nothing else: not on the batches they come
in, not on the clock. So an archive that is replayed has the same copies, and so has a watch that starts again with the
sketches that it has stored.

References
----------
.. [1] Broder, "On the resemblance and containment of documents", 1997.
"""

from collections.abc import Sequence

import numpy as np

from metier.text.duplicates import N_BANDS, THRESHOLD, band_keys, signatures

WITHIN_SECONDS = 7 * 86_400  # After that the same words are said anew.
MOST_ORIGINALS = 131_072  # The latest ones are remembered, in about 100 MB.


class RecentCopies:
    """The originals of the last days, and which messages are copies of them.

    Parameters
    ----------
    most : int
        How many originals are remembered: the latest.

    Examples
    --------
    >>> copies = RecentCopies()
    >>> copies.add(sketches(["My card has not come yet", "my card has not come yet!"]), [0.0, 60.0], [1, 2])
    [None, 1]
    """

    def __init__(self, *, most: int = MOST_ORIGINALS):
        self._most, self._places = most, 2 * most
        self._sketches = np.zeros((most, sketch_length()), dtype=np.uint16)
        self._seconds = np.full(most, -np.inf)
        self._numbers = np.zeros(most, dtype=np.int64)
        # Of each band: which original, counted from 1, was the last at a place, and the rest of its key.
        self._last = np.zeros((N_BANDS, self._places), dtype=np.int64)
        self._tags = np.zeros((N_BANDS, self._places), dtype=np.uint32)
        self._bands = np.arange(N_BANDS)
        self._n = 0

    def add(self, sketched: np.ndarray, seconds: Sequence[float], numbers: Sequence[int]) -> list[int | None]:
        """Give for each message the number of the original that it nearly repeats; one without is an original itself.

        An original is at most seven days away, before or (where a message comes late) after.

        Parameters
        ----------
        sketched : ndarray of shape (n_messages, 120) and type uint16
            As `sketches` gives them, in the order in which messages are stored.
        seconds : sequence of float
            When they were written, since 1970.
        numbers : sequence of int
            Of the messages; they grow.
        """
        keys = band_keys(sketched)
        places, tags = (
            (keys % np.uint64(self._places)).astype(np.intp),
            (keys >> np.uint64(32)).astype(np.uint32),
        )
        found: list[int | None] = []
        for row, (at, number) in enumerate(zip(seconds, numbers, strict=True)):
            original = self._original(sketched[row], places[row], tags[row], at)
            if original is None:
                self._remember(sketched[row], places[row], tags[row], at, number)
            found.append(original)
        return found

    def _original(self, sketch: np.ndarray, places: np.ndarray, tags: np.ndarray, at: float) -> int | None:
        shared = self._tags[self._bands, places] == tags
        if not shared.any():
            return None
        last = self._last[self._bands, places][shared]
        # The earliest first; those that were overwritten since are forgotten.
        slots = np.unique(last[last > self._n - self._most]) % self._most
        alike = np.count_nonzero(self._sketches[slots] == sketch, axis=1) / len(sketch)
        alike[np.abs(self._seconds[slots] - at) > WITHIN_SECONDS] = 0
        if not len(slots) or alike.max() < THRESHOLD:
            return None
        return int(self._numbers[slots[alike.argmax()]])

    def _remember(
        self, sketch: np.ndarray, places: np.ndarray, tags: np.ndarray, at: float, number: int
    ) -> None:
        self._n += 1
        slot = self._n % self._most
        self._sketches[slot], self._seconds[slot], self._numbers[slot] = sketch, at, number
        self._last[self._bands, places] = self._n
        self._tags[self._bands, places] = tags


def sketches(texts: Sequence[str]) -> np.ndarray:
    """Give what of texts is held against one another; take masked texts, as a watch does.

    Returns
    -------
    ndarray of shape (n_texts, 120) and type uint16
    """
    return signatures(texts).astype(np.uint16)  # The low 16 bits.


def sketch_length() -> int:
    """How many numbers a sketch has."""
    return int(signatures([""]).shape[1])
