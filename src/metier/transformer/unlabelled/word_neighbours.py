"""Neighbours of the words of some texts, as a substitute for synonyms, from the word embeddings that a base brings.

No free package has a WordNet for English and Chinese that works offline, so neighbours come from vectors of the
words in the rows, in any language. Near words are mostly synonyms and inflections, sometimes opposites ("credit",
"debit"), so the effect of augmentation has to be measured.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import load_tokenizer
from metier.text.segmentation import has_han, segment

# Most frequent words of the texts: the table of similarities costs the square of them.
MOST_WORDS = 8_000
SHORTEST_LATIN = 3  # Function words are shorter, and have no synonyms.
BLOCK = 512  # Words compared at once: bounds the memory to this many rows of similarities.


def word_neighbours(
    base: Base, texts: Iterable[str], *, most: int = 5, least_similarity: float = 0.5
) -> dict[str, list[str]]:
    """Give for the words of the texts other words of the texts that are near them.

    A word's vector is the mean of its pieces' rows in the base's table of embeddings, as they go into the first layer:
    no text is run through the base.

    Parameters
    ----------
    most, least_similarity : see `transformer.unlabelled.word_neighbours.nearest_words`
    """
    counts = Counter(word for text in texts for word in segment(text))
    words = [word for word, _ in counts.most_common() if _has_synonyms(word)][:MOST_WORDS]
    if not words:
        return {}
    table = load_model(base).get_input_embeddings().weight.detach().numpy()
    tokenizer = load_tokenizer(base)
    ids = [tokenizer.encode(word, add_special_tokens=False).ids for word in words]
    known = [(word, pieces) for word, pieces in zip(words, ids, strict=True) if pieces]
    vectors = np.stack([table[pieces].mean(axis=0) for _, pieces in known])
    return nearest_words([word for word, _ in known], vectors, most=most, least_similarity=least_similarity)


def _has_synonyms(word: str) -> bool:
    if word[0].isdigit():
        return False
    return len(word) >= (2 if has_han(word) else SHORTEST_LATIN)


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
