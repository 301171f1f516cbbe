"""Texts with two marked entities as sparse vectors over the features that stand in the most rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from metier.classical.learned_features import MOST_WEIGHTS, Counted, Fold, as_csr, taken
from metier.features.relation_vectors import RelationVectors, read_features
from metier.progress import Listener, Progress
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples

TOLD_EVERY = 500  # Rows.


@dataclass(frozen=True)
class LearnedRelations:
    """Words between, before, after and inside two entities, and their parse; see `FeatureLearner`.

    Parameters
    ----------
    most_features : int
        The features that stand in the most rows are kept; fewer where there are many labels.
    syntax : bool
        Whether texts are parsed.
    """

    most_features: int
    syntax: bool = False

    def sample(self, examples: Examples, random: np.random.RandomState) -> Examples:
        """Give the examples: what stands around two entities is little."""
        return examples

    def n_sampled(self, examples: Examples) -> int:
        """Give their number."""
        return len(examples)

    def read(self, items: Sequence[Mapping[str, Any]], *, name: str, listener: Listener) -> Sequence[list[str]]:
        """Give the features of items; a parse of every sentence is the most expensive step."""
        found = []
        for done, features in enumerate(read_features(items, syntax=self.syntax)):
            if done % TOLD_EVERY == 0:
                listener(Progress(f"{name}: reading", done, len(items), unit="rows"))
            found.append(features)
        return found

    def folds(self, examples: Examples, answer: Decodable, random: np.random.RandomState) -> list[Fold]:
        """Hold rows out as the answer kind does."""
        return list(answer.folds(examples, random_state=random))

    def count(self, found: Sequence[list[str]], folds: Sequence[Fold], *, n_logits: int) -> Counted:
        """Learn which features are worth a column, and count the rows."""
        most = min(self.most_features, MOST_WEIGHTS // n_logits)
        vectors = learn_relation_vectors(found, most=most, syntax=self.syntax)
        return Counted(vectors, self.matrix(vectors, found))

    def matrix(self, features: Any, found: Sequence[list[str]]) -> csr_matrix:
        """Give the vectors of rows."""
        return as_csr(map(features.vector, found), features.n_columns)

    def splits(
        self, counted: Counted, found: Sequence[list[str]], folds: Sequence[Fold], *, n_logits: int
    ) -> Iterator[tuple[csr_matrix, csr_matrix]]:
        """Count each fold with a vocabulary that has not seen what is held out."""
        for kept, held in folds:
            known = self.count(taken(found, kept), (), n_logits=n_logits)
            yield known.matrix, self.matrix(known.features, taken(found, held))


def learn_relation_vectors(
    features: Iterable[Sequence[str]], *, most: int, syntax: bool = False
) -> RelationVectors:
    """Learn which features are worth a column: those that stand in the most rows, the most frequent first."""
    rows: Counter[str] = Counter()
    n_rows = 0
    for row in features:
        rows.update(set(row))
        n_rows += 1
    kept = sorted(rows.items(), key=lambda entry: (-entry[1], entry[0]))[:most]
    frequencies = np.array([count for _, count in kept], dtype=np.float64)
    # One more row that holds every feature once, as scikit-learn does it: no division by nothing.
    idf = np.log((1 + n_rows) / (1 + frequencies)) + 1
    return RelationVectors([feature for feature, _ in kept], idf, syntax=syntax)
