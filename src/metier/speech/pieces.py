"""A long recording in pieces of minutes, each cut where it is quietest, so that no word is cut and memory is bounded."""

from collections.abc import Iterator

import numpy as np

from metier.speech.decoding import MOST_SECONDS, RATE, blocks
from metier.speech.recording import Recording

PIECE_SECONDS = 120.0  # 8 MB of samples; the detector of voices takes 300 MB more for five minutes.
SEARCHED_SECONDS = 30.0  # At the end of a piece, for the quietest place.
QUIET_SECONDS = 0.3


def pieces(
    recording: Recording, *, seconds: float = PIECE_SECONDS, most_seconds: float = MOST_SECONDS
) -> Iterator[tuple[float, np.ndarray]]:
    """Give the pieces of a recording with the second that each begins at.

    Yields
    ------
    start : float
        In seconds.
    samples : ndarray of float32 of shape (n_samples,)
        At most of so many seconds.

    Raises
    ------
    AudioError, AudioTooLongError
        As `decoding.blocks` does.
    """
    size, held, n_before = int(seconds * RATE), np.empty(0, np.float32), 0
    for block in blocks(recording, most_seconds=most_seconds):
        held = np.concatenate([held, block])
        while len(held) > size:
            cut = quietest(held[:size])
            yield n_before / RATE, held[:cut]
            held, n_before = held[cut:], n_before + cut
    if len(held):
        yield n_before / RATE, held


def quietest(samples: np.ndarray) -> int:
    """Give the middle of the quietest third of a second near the end of a piece, as a position."""
    window, searched = int(QUIET_SECONDS * RATE), int(SEARCHED_SECONDS * RATE)
    first = max(0, len(samples) - searched)
    energy = np.cumsum(np.square(samples[first:], dtype=np.float64))
    if len(energy) <= window:
        return len(samples)
    return first + int(np.argmin(energy[window:] - energy[:-window])) + window // 2 + 1
