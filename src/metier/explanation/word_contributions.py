"""Which words an answer rests on: each is left out in turn, and the score is taken again.

After Li, Monroe and Jurafsky, "Understanding neural networks through representation erasure", 2016
(arXiv:1612.08220). Two words that say the same hide one another: without either the other is still there.
"""

from collections.abc import Callable, Sequence

import numpy as np

from metier.explanation.explanation import Word
from metier.text.segmentation import word_offsets

MOST_PARTS = 48  # Of a longer text some words in a row are left out together.


def word_contributions(text: str, score: Callable[[Sequence[str]], np.ndarray]) -> tuple[Word, ...]:
    """Give how much lower the score is without each word; nothing for a text of one word or none.

    Parameters
    ----------
    score : callable
        Gives an ndarray of shape (n_texts,).
    """
    parts = word_parts(text)
    if len(parts) < 2:
        return ()
    without = [f"{text[:start].rstrip()} {text[end:].lstrip()}".strip() for start, end in parts]
    scores = score([text, *without])
    drops = scores[0] - scores[1:]
    return tuple(Word(start, end, float(drop)) for (start, end), drop in zip(parts, drops, strict=True))


def word_parts(text: str) -> list[tuple[int, int]]:
    """Give the offsets of the words of a text; of a long one those of some words in a row."""
    words = word_offsets(text)
    each = -(-len(words) // MOST_PARTS) or 1
    runs = [words[start : start + each] for start in range(0, len(words), each)]
    return [(run[0][0], run[-1][1]) for run in runs]
