"""Nearest neighbours of word vectors, as a substitute for synonyms.

No free package has a WordNet for English and Chinese that works offline, so neighbours come from vectors of the
words in the rows, in any language. Near words are mostly synonyms and inflections, sometimes opposites ("credit",
"debit"), so the effect of augmentation has to be measured.
"""

from collections.abc import Sequence

import numpy as np

from metier.text.segmentation import has_han

BLOCK = 512  # Words compared at once: bounds the memory to this many rows of similarities.


def nearest_words(
    words: Sequence[str], vectors: np.ndarray, *, most: int = 5, least_similarity: float = 0.5
) -> dict[str, list[str]]:
    """Give the neighbours of each word, the nearest first; words without neighbours are omitted.

    Parameters
    ----------
    vectors : ndarray of shape (n_words, n_dimensions)
    most : int
        Most neighbours per word.
    least_similarity : float
        Smallest cosine after subtracting the mean of all vectors.
    """
    centred = vectors - vectors.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    table = {}
    for start in range(0, len(words), BLOCK):
        similarities = unit[start : start + BLOCK] @ unit.T
        for row, near in enumerate(similarities):
            near[start + row] = -1.0
            candidates: np.ndarray = np.flatnonzero(near >= least_similarity)
            candidates = candidates[np.argsort(-near[candidates], kind="stable")]
            found = [
                words[other]
                for other in candidates.tolist()
                if not _is_compound(words[start + row], words[other])
            ]
            found = found[:most]
            if found:
                table[words[start + row]] = found
    return table


def _is_compound(one: str, other: str) -> bool:
    """Whether one of two Chinese words contains the other: a hyponym or part, not a synonym."""
    return has_han(one) and (one in other or other in one)
