"""Features of sentences for extractive summaries.

Units are sentences, or clauses where a summary is shorter than a sentence, as in Chinese abstracts with many commas.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from metier.features.sentence_ranks import rank_sentences
from metier.text.segmentation import segment, split_sentences

UNITS = ("sentence", "clause")
N_NUMBERS = 17  # Before the vector of the unit.
_clause_ends = re.compile(r"(?<=[，；：])").split
_has_digit = re.compile(r"\d").search


def split_pieces(text: str, unit: str) -> list[str]:
    """Give the sentences of a text, or its clauses without the comma that ends them."""
    sentences = split_sentences(text)
    if unit == "sentence":
        return sentences
    clauses = (clause.strip().rstrip("，；：。") for sentence in sentences for clause in _clause_ends(sentence))
    return [clause for clause in clauses if clause] or sentences


def features_of(pieces: Sequence[str], vectors: np.ndarray) -> np.ndarray:
    """Give the features of each sentence or clause of a text: position, length, centrality, and its vector.

    Parameters
    ----------
    pieces : sequence of str
        Sentences or clauses of one text, in order; at least one.
    vectors : ndarray of shape (n_pieces, size)
        Vectors of length 1.

    Returns
    -------
    ndarray of float64 of shape (n_pieces, 17 + size)
    """
    words = [segment(piece) for piece in pieces]
    n, position = len(pieces), np.arange(len(pieces))
    lengths = np.array([len(own) for own in words], dtype=np.float64)
    document_counts = Counter(word for own in words for word in set(own))
    shared = [np.mean([document_counts[word] for word in set(own)]) / n if own else 0.0 for own in words]
    middle = (vectors * lengths[:, None]).sum(axis=0)
    middle /= max(float(np.linalg.norm(middle)), 1e-9)
    numbers = [
        *(position == 0, position == 1, position == 2, position == n - 1, position == n - 2),
        *(position / max(n - 1, 1), 1 / (1 + position), 1 / (n - position), np.full(n, np.log(n))),
        *(vectors @ middle, vectors @ vectors.mean(axis=0), rank_sentences(pieces), np.array(shared)),
        *(np.log1p(lengths), lengths / 40, np.square(lengths / 40)),
        np.array([_has_digit(piece) is not None for piece in pieces]),
    ]
    return np.column_stack([np.asarray(number, dtype=np.float64) for number in numbers] + [vectors])


def best_pieces(scores: np.ndarray, n_pieces: int) -> np.ndarray:
    """Give the positions of the highest scores in text order; ties prefer the first."""
    return np.sort((-scores).argsort(kind="stable")[:n_pieces])
