"""Recordings and their transcripts as batches: log-mel features, computed once, and token ids.

Whisper pads every recording to 30 seconds. Most of what it would compute of a short one is silence, so rows keep what is
spoken and a little after it; `speech_model` encodes what is there.

Transcripts stand between two time stamps, as the model is asked for them when it serves. The stamps themselves are not
learned: when the last word ends is not known.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch

from metier.features.tokenization import batches_by_length
from metier.training.objectives.next_token import IGNORED

FRAMES_A_POSITION = 2  # The second convolution of the encoder takes every other one.


@dataclass(frozen=True)
class SpeechBatch:
    """Some recordings, ready for a model that hears; a `training.batch.Batch`.

    Parameters
    ----------
    features : Tensor of float32 of shape (n_rows, n_bins, n_frames)
        Log-mel features; silence where a recording has ended.
    written : Tensor of int64 of shape (n_rows, n_tokens)
        What the decoder is given: prompts and transcripts, without the end mark.
    labels : Tensor of int64 of shape (n_rows, n_tokens)
        The token that should follow each of them; `IGNORED` where nothing is learned.
    """

    features: torch.Tensor
    written: torch.Tensor
    labels: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        return replace(
            self, **{name: value.to(device) for name, value in vars(self).items() if value is not None}
        )


@dataclass(frozen=True)
class SpeechRows:
    """Recordings to learn from.

    Parameters
    ----------
    features : sequence of ndarray of float16 of shape (n_bins, n_frames)
    ids : sequence of sequence of int
        Token ids of the prompts and the transcripts, time stamps and the end mark included.
    n_first : int
        Of these so many are the prompt.
    first_stamp : int
        The token of time stamp 0; that of a later one is higher, and no other is.
    """

    features: Sequence[np.ndarray]
    ids: Sequence[Sequence[int]]
    n_first: int
    first_stamp: int
    truth: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.features)

    @property
    def lengths(self) -> np.ndarray:
        """Positions that are encoded and tokens that are written, of each row."""
        both = zip(self.features, self.ids, strict=True)
        return np.array([one.shape[1] // FRAMES_A_POSITION + len(ids) for one, ids in both])

    def read_in(self, epoch: int, *, random_state: int) -> np.ndarray:
        """Positions of the rows that an epoch reads: all."""
        return np.arange(len(self))

    def mean(self, numbers: np.ndarray) -> np.ndarray:
        """Give the numbers of each row: an entry is a row."""
        return numbers

    def batch(self, positions: np.ndarray) -> SpeechBatch:
        """The rows at these positions as one batch."""
        longest = max(len(self.ids[position]) for position in positions)
        whole = torch.full((len(positions), longest), IGNORED)
        for row, position in enumerate(positions):
            whole[row, : len(self.ids[position])] = torch.tensor(self.ids[position])
        labels = torch.where(whole >= self.first_stamp, IGNORED, whole)[:, 1:]
        labels[:, : self.n_first - 1] = IGNORED
        # What is given after the end changes nothing that is learned: a token reads those before it.
        written = torch.where(whole == IGNORED, self.ids[positions[0]][0], whole)[:, :-1]
        features = padded([self.features[position] for position in positions])
        return SpeechBatch(torch.from_numpy(features), written, labels)

    def in_order_of_length(self, token_budget: int) -> Iterator[tuple[np.ndarray, SpeechBatch]]:
        """Every row once, for answering: positions and their batch."""
        for positions in batches_by_length(self.lengths.tolist(), token_budget=token_budget):
            yield positions, self.batch(positions)

    def contents(self) -> Iterator[bytes]:
        """Give what is heard and what is written, for a digest."""
        for one, ids in zip(self.features, self.ids, strict=True):
            yield hashlib.sha256(np.ascontiguousarray(one).tobytes()).digest()
            yield np.asarray([len(ids), *ids], dtype=np.int32).tobytes()


def padded(features: Sequence[np.ndarray]) -> np.ndarray:
    """Put features side by side, an ndarray of float32 of shape (n_rows, n_bins, n_frames).

    What follows a recording is its own silence: the lowest value that its features have, as they are cut off at a
    distance from the loudest.
    """
    longest = max(one.shape[1] for one in features)
    found = np.empty((len(features), features[0].shape[0], longest), dtype=np.float32)
    for row, one in enumerate(features):
        found[row, :, : one.shape[1]] = one
        found[row, :, one.shape[1] :] = one.min()
    return found
