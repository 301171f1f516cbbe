"""Texts as TF-IDF vectors, with as many n-grams as the weights leave room for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from metier.classical.learned_features import MOST_WEIGHTS, Counted, Fold, as_csr, taken
from metier.classical.tfidf_counts import count_ngrams, learn_vectors
from metier.progress import Listener
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples
from metier.tasks.folds import stratified_sample

MOST_NUMBERS = 40_000_000  # In a matrix: about 1.2 GB with the copy that liblinear makes.
SAMPLED_ROWS = 500  # To know how many n-grams a row has.


@dataclass(frozen=True)
class LearnedTfidf:
    """Word and character n-grams; see `FeatureLearner`.

    Parameters
    ----------
    most_ngrams : int
        Size of the vocabulary; less where there are many logits, see `MOST_WEIGHTS`.
    most_numbers : int or None
        That a matrix may hold; of more rows a sample is taken. None: as many as there are.
    counts_once : bool
        Whether texts that are the same are one document.
    """

    most_ngrams: int
    most_numbers: int | None = None
    counts_once: bool = False

    def sample(self, examples: Examples, random: np.random.RandomState) -> Examples:
        """Give the examples, or as large a sample of them as fits; of single labels in equal shares."""
        fraction = self._fraction(examples, random)
        if fraction >= 1:
            return examples
        if examples.truth.ndim == 1:
            return examples.take(stratified_sample(examples.truth, fraction=fraction, random=random))
        return examples.take(np.sort(random.permutation(len(examples))[: int(fraction * len(examples))]))

    def n_sampled(self, examples: Examples) -> int:
        """Give about how many of the examples fit."""
        return int(min(1.0, self._fraction(examples, np.random.RandomState(0))) * len(examples))

    def _fraction(self, examples: Examples, random: np.random.RandomState) -> float:
        """Give what part of the examples fits; above 1 where there is room for more."""
        if self.most_numbers is None:
            return 1.0
        return self.most_numbers / (len(examples) * ngrams_a_row(examples.items, random))

    def read(self, items: Sequence[str], *, name: str, listener: Listener) -> Sequence[str]:
        """Give the texts as they are."""
        return items

    def folds(self, examples: Examples, answer: Decodable, random: np.random.RandomState) -> list[Fold]:
        """Hold rows out as the answer kind does."""
        return list(answer.folds(examples, random_state=random))

    def count(self, found: Sequence[str], folds: Sequence[Fold], *, n_logits: int) -> Counted:
        """Learn a vocabulary and count the texts."""
        texts = dict.fromkeys(found) if self.counts_once else found
        vectors = learn_vectors(texts, most_ngrams=min(self.most_ngrams, MOST_WEIGHTS // n_logits))
        return Counted(vectors, self.matrix(vectors, found))

    def matrix(self, features: Any, found: Sequence[str]) -> csr_matrix:
        """Give the vectors of texts."""
        return as_csr(map(features.vector, found), features.n_columns)

    def splits(
        self, counted: Counted, found: Sequence[str], folds: Sequence[Fold], *, n_logits: int
    ) -> Iterator[tuple[csr_matrix, csr_matrix]]:
        """Count each fold with a vocabulary that has not seen what is held out."""
        for kept, held in folds:
            known = self.count(taken(found, kept), (), n_logits=n_logits)
            yield known.matrix, self.matrix(known.features, taken(found, held))


def ngrams_a_row(texts: Sequence[str], random: np.random.RandomState) -> float:
    """Give how many n-grams a row has, the mean of some hundred of them; at least 1."""
    sample = random.permutation(len(texts))[:SAMPLED_ROWS]
    return max(1.0, float(np.mean([count_ngrams(texts[row]) for row in sample])))
