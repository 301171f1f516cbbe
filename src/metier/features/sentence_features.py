"""What tells a sentence worth keeping from its neighbours: numbers that need no learning.

Pieces are sentences, or clauses where a summary is shorter than a sentence: Chinese abstracts string them together with
commas.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from metier.features.sentence_ranks import rank_sentences
from metier.text.segmentation import segment
from metier.text.sentences import split_sentences

UNITS = ("sentence", "clause")
N_NUMBERS = 17  # Before the vector of the piece.
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
    """Give the numbers of each piece of one text: where it stands, how long and how central it is, and its vector.

    Parameters
    ----------
    pieces : sequence of str
        Of one text, in order; at least one.
    vectors : ndarray of shape (n_pieces, size)
        Of length 1.

    Returns
    -------
    ndarray of float64 of shape (n_pieces, 17 + size)
    """
    words = [segment(piece) for piece in pieces]
    n, place = len(pieces), np.arange(len(pieces))
    lengths = np.array([len(own) for own in words], dtype=np.float64)
    held_by = Counter(word for own in words for word in set(own))
    shared = [np.mean([held_by[word] for word in set(own)]) / n if own else 0.0 for own in words]
    middle = (vectors * lengths[:, None]).sum(axis=0)
    middle /= max(float(np.linalg.norm(middle)), 1e-9)
    numbers = [
        *(place == 0, place == 1, place == 2, place == n - 1, place == n - 2),
        *(place / max(n - 1, 1), 1 / (1 + place), 1 / (n - place), np.full(n, np.log(n))),
        *(vectors @ middle, vectors @ vectors.mean(axis=0), rank_sentences(pieces), np.array(shared)),
        *(np.log1p(lengths), lengths / 40, np.square(lengths / 40)),
        np.array([_has_digit(piece) is not None for piece in pieces]),
    ]
    return np.column_stack([np.asarray(number, dtype=np.float64) for number in numbers] + [vectors])


def best_pieces(scores: np.ndarray, n_pieces: int) -> np.ndarray:
    """Give the places of the highest scores in the order of the text; of equals the first is best."""
    return np.sort((-scores).argsort(kind="stable")[:n_pieces])
