"""From texts to token ids, the same in training and prediction.

Only the `tokenizers` package is needed to read `tokenizer.json`.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from metier.errors import BundleError
from metier.text.normalisation import replace_surrogates

# Characters tokenized per token kept: bounds the work on a long text.
CHARACTERS_PER_TOKEN = 32


def read_tokenizer(path: Path, *, max_length: int) -> Tokenizer:
    """Read `tokenizer.json` with truncation at `max_length` tokens and without padding.

    Raises
    ------
    BundleError
        If the file is missing or broken.
    """
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # `tokenizers` raises bare Exception.
        raise BundleError(
            f"{path} is not a tokenizer ({error}). Copy the folder from its source again."
        ) from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    # "[SEP]" or "<s>" typed by a user is text, not a special token.
    tokenizer.encode_special_tokens = True
    return tokenizer


def token_ids(tokenizer: Tokenizer, texts: Sequence[str], *, prefix: str) -> list[list[int]]:
    """Give the ids of each text, with prefix and special tokens."""
    longest = CHARACTERS_PER_TOKEN * (tokenizer.truncation or {"max_length": 512})["max_length"]
    return [encoded(tokenizer, prefix + replace_surrogates(text[:longest])).ids for text in texts]


class _Spent(threading.local):
    """What a thread has spent on tokens since somebody took the time."""

    seconds = 0.0


_spent = _Spent()


def encoded(tokenizer: Tokenizer, text: str, **named: bool) -> Encoding:
    """Give the tokens of a text, and note the time that they took."""
    since = time.perf_counter()
    found = tokenizer.encode(text, **named)
    _spent.seconds += time.perf_counter() - since
    return found


def take_tokenise_seconds() -> float:
    """Give the seconds that this thread has spent on tokens since they were last taken."""
    seconds, _spent.seconds = _spent.seconds, 0.0
    return seconds


def batches_by_length(lengths: Sequence[int], *, token_budget: int) -> Iterator[np.ndarray]:
    """Batch texts of similar length, so that there is little padding.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each text.
    token_budget : int
        Most tokens in a batch, padding included; a single longer text is a batch of its own.

    Yields
    ------
    ndarray of shape (n_rows,)
        Positions in `lengths`, the shortest first.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    start = 0
    for stop in range(1, len(order) + 1):
        full = stop == len(order) or (stop + 1 - start) * lengths[order[stop]] > token_budget
        if full:
            yield order[start:stop]
            start = stop


def pad(ids: Sequence[Sequence[int]], *, pad_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Give token ids and their mask as two int64 arrays of shape (n_texts, longest)."""
    longest = max(map(len, ids))
    padded = np.full((len(ids), longest), pad_id, dtype=np.int64)
    mask = np.zeros((len(ids), longest), dtype=np.int64)
    for row, values in enumerate(ids):
        padded[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return padded, mask
