"""Pairs of texts as what both share, counted so that training rows look like those met in service."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metier.classical.learned_features import Counted, Fold, taken
from metier.classical.tfidf_counts import learn_vectors
from metier.features.pair_features import PairFeatures
from metier.progress import Listener
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples
from metier.tasks.folds import fold_numbers
from metier.tasks.inputs.pair import PAIR, Pair
from metier.text.normalisation import level
from metier.text.segmentation import segment


@dataclass(frozen=True)
class LearnedPairs:
    """A dozen and a half numbers a pair, cross-fitted; see `FeatureLearner`.

    Each fold is counted with a vocabulary that has not seen it. A training text knows all its own words, another does
    not, and cosines of the two are not to be compared.

    Parameters
    ----------
    most_ngrams : int
        Size of the vocabulary.
    n_folds : int or None
        Parts that pairs with labels are dealt into, all cross-fitted; None: as the answer kind holds rows out.
    """

    most_ngrams: int
    n_folds: int | None = None

    def sample(self, examples: Examples, random: np.random.RandomState) -> Examples:
        """Give the examples: a pair is few numbers, however long its texts."""
        return examples

    def n_sampled(self, examples: Examples) -> int:
        """Give their number."""
        return len(examples)

    def read(self, items: Sequence[Pair], *, name: str, listener: Listener) -> Sequence[Pair]:
        """Give the pairs as they are."""
        return items

    def folds(self, examples: Examples, answer: Decodable, random: np.random.RandomState) -> list[Fold]:
        """Give the folds; the only row of a label is always learned from."""
        if self.n_folds is None:
            return list(answer.folds(examples, random_state=random))
        numbers = fold_numbers(examples.truth, n_folds=self.n_folds, random=random)
        folds = [
            (np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)) for fold in range(self.n_folds)
        ]
        return [(kept, held) for kept, held in folds if len(held) and len(kept)]

    def count(self, found: Sequence[Pair], folds: Sequence[Fold], *, n_logits: int) -> Counted:
        """Learn a vocabulary and count the pairs, those of each fold with a vocabulary of the others."""
        features = self._learn(found)
        matrix = features.matrix(found)
        for kept, held in folds:
            matrix[held] = self._learn(taken(found, kept)).matrix(taken(found, held))
        return Counted(features, matrix)

    def matrix(self, features: PairFeatures, found: Sequence[Pair]) -> np.ndarray:
        """Give the numbers of pairs."""
        return features.matrix(found)

    def splits(
        self, counted: Counted, found: Sequence[Pair], folds: Sequence[Fold], *, n_logits: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the rows of each fold, counted already."""
        for kept, held in folds:
            yield counted.matrix[kept], counted.matrix[held]

    def _learn(self, pairs: Sequence[Pair]) -> PairFeatures:
        # A text that stands in many pairs is one document, or its words would pass for common ones.
        distinct = list(dict.fromkeys(PAIR.texts(pairs)))
        mean_words = float(np.mean([len(segment(level(text))) for text in distinct]))
        return PairFeatures(learn_vectors(distinct, most_ngrams=self.most_ngrams), mean_words=mean_words)
