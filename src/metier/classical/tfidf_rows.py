"""Texts as rows of numbers: with as many n-grams as the weights leave room for, and as they will be met in service."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from metier.classical.tfidf_vocabulary import count_ngrams, learn_vectors
from metier.features.tfidf import TfidfVectors

MOST_WEIGHTS = 40_000_000  # Columns times classes: 320 MB while training, half of that afterwards.
SAMPLED_ROWS = 500  # To know how many n-grams a row has.


def learn_affordable(texts: Sequence[str], *, most_ngrams: int, n_classes: int) -> TfidfVectors:
    """Learn a vocabulary of so many n-grams; fewer where there are many classes, see `MOST_WEIGHTS`."""
    return learn_vectors(texts, most_ngrams=min(most_ngrams, MOST_WEIGHTS // n_classes))


def as_matrix(vectors: TfidfVectors, texts: Sequence[str]) -> csr_matrix:
    """Give the vectors of texts as a sparse matrix of shape (n_texts, n_columns)."""
    ends, columns, values = vectors.rows(texts)
    return csr_matrix((values, columns, ends), shape=(len(texts), vectors.n_columns))


def known_and_unseen(
    known: Sequence[str], unseen: Sequence[str], *, most_ngrams: int, n_classes: int
) -> tuple[csr_matrix, csr_matrix]:
    """Give the matrices of both, with a vocabulary that has not seen the latter: so it will be in service."""
    vectors = learn_affordable(known, most_ngrams=most_ngrams, n_classes=n_classes)
    return as_matrix(vectors, known), as_matrix(vectors, unseen)


def ngrams_a_row(texts: Sequence[str], random: np.random.RandomState) -> float:
    """Give how many n-grams a row has, the mean of some hundred of them; at least 1."""
    sample = random.permutation(len(texts))[:SAMPLED_ROWS]
    return max(1.0, float(np.mean([count_ngrams(texts[row]) for row in sample])))
