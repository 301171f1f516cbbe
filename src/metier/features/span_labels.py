"""Parts of a text that may be named, and how well a description of a label fits each of them.

Nobody has said where a name begins or ends, so the form of words has to: runs of capitalised words, numbers with what
belongs to them, words of Chinese and neighbours of these, and, where a language writes no capitals in the middle of a
sentence or a text has none, single words. A part is represented by the mean of the states of its tokens, which know
their sentence. Of parts that overlap, the one that fits best stays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metier.tasks.answers.soft_spans import TextLogits
from metier.text.segmentation import has_han, word_offsets

LONGEST = 5  # Words of a part; names of more are rare.
LONGEST_HAN_WORDS = 4
LONGEST_LOWER = 3
SHORTEST_LOWER = 4  # Letters: shorter words in lower case are "of" and "and".
JOINTS = frozenset(("of", "the", "de", "la", "von", "van", "and", "&", "-", "'", "’", "/", "."))
NONE_LOGIT = 0.0


@dataclass(frozen=True)
class SpanLabels:
    """Directions of labels among the states of an encoder.

    Parameters
    ----------
    weight : ndarray of shape (n_labels, size)
        Directions of length 1.
    bias : ndarray of shape (n_labels,)
        What the usual part of a text has along each, with the sign changed, less the margin of a find.
    scale : float
        Logits are so many times what a part has more than that.
    """

    weight: np.ndarray
    bias: np.ndarray
    scale: float

    def logits(self, text: str, offsets: np.ndarray, states: np.ndarray) -> TextLogits:
        """Give the logits of the tags of each token: those of the parts that fit, O everywhere else.

        Parameters
        ----------
        offsets : ndarray of int of shape (n_tokens, 2)
        states : ndarray of shape (n_tokens, size)
        """
        parts = candidate_parts(text, offsets)
        logits = np.full((len(offsets), 1 + 2 * len(self.bias)), -self.scale)
        logits[:, 0] = NONE_LOGIT
        if len(parts) == 0:
            return TextLogits(text, offsets, logits)
        fits = self.fits(part_vectors(states, parts))
        taken = np.zeros(len(offsets), dtype=bool)
        for number in np.argsort(-fits.max(axis=1), kind="stable").tolist():
            first, stop = parts[number]
            if not taken[first:stop].any():
                taken[first:stop] = True
                logits[first, 1::2] = fits[number]
                logits[first + 1 : stop, 2::2] = fits[number]
        return TextLogits(text, offsets, logits)

    def fits(self, vectors: np.ndarray) -> np.ndarray:
        """Give how well each label fits parts, an ndarray of shape (n_parts, n_labels); above 0: better than none."""
        fits: np.ndarray = self.scale * (vectors @ self.weight.T + self.bias)
        return fits


def part_vectors(states: np.ndarray, parts: Sequence[tuple[int, int]]) -> np.ndarray:
    """Give the vectors of parts, of length 1 and of shape (n_parts, size), from the states of all tokens of a text."""
    means = np.stack([states[first:stop].mean(axis=0) for first, stop in parts]).astype(np.float64)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.maximum(lengths, 1e-9))


def candidate_parts(text: str, offsets: np.ndarray) -> list[tuple[int, int]]:
    """Give the parts of a text that may be named, as (first token, token after the last), each once, in order.

    Parameters
    ----------
    offsets : ndarray of int of shape (n_tokens, 2)
        Where tokens stand, as `text.tokens` cuts them.
    """
    words = [text[start:end] for start, end in offsets.tolist()]
    found = set(_capitalised(words)) | set(_lower_case(words))
    if has_han(text):
        found |= set(_chinese(text, offsets))
    return sorted(found)


def _capitalised(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Runs of words with a capital or a digit, with what joins them, and the single words of each run."""
    start = 0
    while start < len(words):
        if not _is_name(words[start]):
            start += 1
            continue
        stop = start + 1
        while stop < len(words) and stop - start < 2 * LONGEST:
            if _is_name(words[stop]):
                stop += 1
            elif words[stop].lower() in JOINTS and stop + 1 < len(words) and _is_name(words[stop + 1]):
                stop += 2
            else:
                break
        yield start, stop
        yield from ((at, at + 1) for at in range(start, stop) if _is_name(words[at]))
        start = stop


def _lower_case(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Runs of a few words in lower case that are long enough to mean something."""
    for start in range(len(words)):
        for stop in range(start + 1, min(start + LONGEST_LOWER, len(words)) + 1):
            if not _means_something(words[stop - 1]):
                break
            yield start, stop


def _chinese(text: str, offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Words of Chinese and runs of neighbouring ones, as tokens."""
    edges = word_offsets(text)
    starts = {int(start): at for at, start in enumerate(offsets[:, 0])}
    ends = {int(end): at + 1 for at, end in enumerate(offsets[:, 1])}
    for one, (start, end) in enumerate(edges):
        reached = end
        for other in range(one, min(one + LONGEST_HAN_WORDS, len(edges))):
            if other > one and edges[other][0] != reached:
                break
            reached = edges[other][1]
            if has_han(text[start:reached]) and start in starts and reached in ends:
                yield starts[start], ends[reached]


def _is_name(word: str) -> bool:
    return word[:1].isupper() or word[:1].isdigit()


def _means_something(word: str) -> bool:
    return word.isalpha() and not has_han(word) and len(word) >= SHORTEST_LOWER
