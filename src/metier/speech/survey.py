"""What is known of a recording once all of it was decoded: how long it is, how loud, and whether it is another's copy."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metier.speech.decoding import RATE, blocks, format_of
from metier.speech.recording import Recording

SILENT = 1e-3  # Peak of a recording that has nothing in it: 60 dB below the loudest.
KEPT = 100_000  # Recordings whose facts are kept while a process runs.


@dataclass(frozen=True)
class Sound:
    """What is known of a recording without its samples.

    Parameters
    ----------
    seconds : float
        That were decoded.
    rate, channels : int
        Samples a second and channels of the file.
    peak : float
        Largest sample, 0 to 1.
    content : str
        SHA-256 of the file.
    """

    seconds: float
    rate: int
    channels: int
    peak: float
    content: str

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to be heard."""
        return self.peak < SILENT


def sound_of(path: str | Path) -> Sound:
    """Decode a file once and give what is known of it; a file that stays as it is is decoded once a process.

    Raises
    ------
    AudioError, AudioTooLongError
        As `decoding.blocks` does.
    """
    path = Path(path)
    try:
        state = path.stat()
    except OSError:
        return _sound(str(path), 0, 0)  # Raises, and says what is wrong.
    return _sound(str(path), state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=KEPT)
def _sound(path: str, size: int, modified_ns: int) -> Sound:
    recording = Recording.of_file(path)
    found = format_of(recording)
    n_samples, peak = 0, 0.0
    for block in blocks(recording):
        n_samples, peak = n_samples + len(block), max(peak, float(np.abs(block).max()))
    return Sound(n_samples / RATE, found.rate, found.channels, peak, recording.digest())
