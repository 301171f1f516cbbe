"""Features of text pairs for the traditional method, shared by training and prediction.

Fifteen numbers, each about 0 to 1: TF-IDF cosines of words and characters, BM25 in both directions, overlap
measures, and agreement in numbers, negations and the first word of a question.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from metier.features.tfidf import TfidfVectors
from metier.tasks.inputs.pair import Pair, as_pairs
from metier.text.normalisation import level, normalise
from metier.text.overlap import (
    containment,
    edit_similarity,
    jaccard,
    length_ratio,
    negations_agree,
    numbers_agree,
)
from metier.text.segmentation import segment

NAMES = (
    "cosine_words",
    "cosine_characters",
    "bm25_pair_to_text",
    "bm25_text_to_pair",
    "jaccard_words",
    "jaccard_word_pairs",
    "jaccard_characters",
    "containment_words",
    "rarest_word_shared",
    "length_ratio",
    "edit_similarity",
    "numbers_agree",
    "negations_agree",
    "first_word_same",
    "same_text",
)
# k1 and b of BM25, at their usual values (Robertson and Zaragoza, 2009).
SATURATION, LENGTH_WEIGHT = 1.2, 0.75
COMPARISONS = ("cosine", "difference")


@dataclass(frozen=True)
class _Side:
    """One text of a pair, processed once."""

    normalised: str
    words: list[str]
    columns: np.ndarray
    values: np.ndarray


class PairFeatures:
    """Computes features of pairs over a fixed vocabulary. Safe to share between threads.

    Parameters
    ----------
    vectors : TfidfVectors
        Its document frequencies are the word weights of BM25 too.
    mean_words : float
        Mean words per text, for the length normalisation of BM25.
    """

    weight_type: ClassVar[type[np.floating[Any]]] = np.float64

    def __init__(self, vectors: TfidfVectors, *, mean_words: float):
        self.vectors = vectors
        self.mean_words = max(mean_words, 1.0)
        weights = zip(vectors.words, vectors.idf.tolist(), strict=False)
        self._weights = {word: weight for word, weight in weights if " " not in word}
        self._rarest = max(self._weights.values(), default=1.0)

    def matrix(self, pairs: Sequence[Pair]) -> np.ndarray:
        """Give the features of pairs, an ndarray of float64 of shape (n_pairs, len(NAMES))."""
        features = np.empty((len(pairs), len(NAMES)))
        for row, pair in enumerate(pairs):
            features[row] = self._row(*map(self._read, pair))
        return features

    def read(self, items: Sequence[Any]) -> Sequence[Pair]:
        """Check pairs: mappings with `text` and `text_pair`, or two texts each; raises `MissingSideError`."""
        return as_pairs(items) if len(items) else []

    def products(self, pairs: Sequence[Pair], weights: np.ndarray) -> np.ndarray:
        """Give the features of pairs times weights, an ndarray of float64 of shape (n_pairs, n_logits)."""
        return np.asarray(self.matrix(pairs) @ weights)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Further arrays to store: none, as the vocabulary has its own files."""
        return {}

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the vocabulary to a folder; gives the settings for `predictor.json`."""
        self.vectors.save(folder)
        return {"features": list(NAMES), "mean_words": self.mean_words}

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `save` wrote; raises `ValueError` if the features are not those of this version."""
        if settings["features"] != list(NAMES):
            raise ValueError("its features are not those of this version")
        return cls(TfidfVectors.load(folder), mean_words=settings["mean_words"])

    def _read(self, text: str) -> _Side:
        normalised = level(text)
        return _Side(normalised, segment(normalised), *self.vectors.vector(text))

    def _row(self, one: _Side, other: _Side) -> tuple[float, ...]:
        by_words, by_characters = self._cosines(one, other)
        return (
            by_words,
            by_characters,
            self._bm25(other.words, one.words),
            self._bm25(one.words, other.words),
            jaccard(one.words, other.words),
            jaccard(_neighbours(one.words), _neighbours(other.words)),
            jaccard(one.normalised, other.normalised),
            containment(one.words, other.words),
            self._rarest_shared(set(one.words), set(other.words)),
            length_ratio(one.normalised, other.normalised),
            edit_similarity(one.normalised, other.normalised),
            numbers_agree(one.normalised, other.normalised),
            negations_agree(one.normalised, other.normalised),
            float(one.words[:1] == other.words[:1]),
            float(normalise(one.normalised) == normalise(other.normalised)),
        )

    def _cosines(self, one: _Side, other: _Side) -> tuple[float, float]:
        shared, first, second = np.intersect1d(
            one.columns, other.columns, assume_unique=True, return_indices=True
        )
        products = one.values[first] * other.values[second]
        n_words = int(shared.searchsorted(len(self.vectors.words)))
        # Each block of a vector has length 1, so the sum over a block is a cosine.
        return float(products[:n_words].sum()), float(products[n_words:].sum())

    def _bm25(self, query: Sequence[str], document: Sequence[str]) -> float:
        """Give the score of a document for a query, as a fraction of the highest possible score."""
        counts = Counter(document)
        length = 1 - LENGTH_WEIGHT + LENGTH_WEIGHT * len(document) / self.mean_words
        score = highest = 0.0
        for word in set(query):
            weight = self._weight(word)
            highest += weight * (SATURATION + 1)
            score += weight * counts[word] * (SATURATION + 1) / (counts[word] + SATURATION * length)
        return score / highest if highest else 0.0

    def _rarest_shared(self, one: set[str], other: set[str]) -> float:
        rarest = max(map(self._weight, one | other), default=0.0)
        return max(map(self._weight, one & other), default=0.0) / rarest if rarest else 0.0

    def _weight(self, word: str) -> float:
        # An unknown word gets the weight of the rarest known one.
        return self._weights.get(word, self._rarest)


def _neighbours(words: Sequence[str]) -> list[str]:
    return [f"{first} {second}" for first, second in itertools.pairwise(words)]


def compare(one: np.ndarray, other: np.ndarray, comparison: str) -> np.ndarray:
    """Compare pairs of vectors: the input of a pair head, symmetric in the two texts, as its answers are.

    Parameters
    ----------
    one, other : ndarray of shape (n_pairs, size)
        Vectors of length 1.
    comparison : {"cosine", "difference"}
        `cosine` alone, or absolute difference and product, the last two terms of InferSent (Conneau et al., 2017,
        arXiv:1705.02364), and the cosine.

    Returns
    -------
    ndarray of float32 of shape (n_pairs, 1) or (n_pairs, 2 * size + 1)
    """
    product = one * other
    cosine = product.sum(axis=1, keepdims=True)
    numbers = cosine if comparison == "cosine" else np.hstack([np.abs(one - other), product, cosine])
    return np.asarray(numbers, dtype=np.float32)


def of_length_one(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors of shape (n_texts, size) to length 1; zero vectors are unchanged."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled
