"""The traditional method for pairs: what two texts share, counted and weighed, then logistic regression."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.classical.dense_logistic import DenseSplit, choose_dense, fit_dense
from metier.classical.tfidf_vocabulary import learn_vectors
from metier.features.pair_features import NAMES, PairFeatures
from metier.predictors.linear.pair_linear import PairLinearPredictor
from metier.progress import Listener, Progress, ignore
from metier.tasks.estimators import PairClassifier
from metier.tasks.folds import ALWAYS_TRAINS, fold_numbers
from metier.tasks.method_contract import Capabilities
from metier.tasks.pairs import PairExamples, check_pairs
from metier.tasks.setting_ranges import check_ranges
from metier.text.ngrams import level
from metier.text.segmentation import segment

FOLDS = 5
UNFITTED_C, UNFITTED_TEMPERATURE = 1.0, 1.0  # Where no pair can be held out.


class PairLinear(PairClassifier):
    """TF-IDF cosines, BM25 both ways, overlaps, edits, numbers and negations, then logistic regression.

    Trains in seconds and answers in a quarter of a millisecond. It knows nothing of meaning: where matching texts use other
    words, or another language, prefer `FrozenPair` or `BiEncoder`.

    The numbers that the regression learns from are cross-fitted: each fifth of the pairs is counted with a
    vocabulary that has not seen it. A training text knows all its own words, an unseen one does not, and cosines
    of the two are not to be compared.

    Parameters
    ----------
    C : float, default=None
        Inverse strength of the penalty on standardised numbers; None: chosen by log-loss on held-out pairs.
    temperature : float, default=None
        What margins are divided by before the softmax; None: fitted on held-out pairs.
    most_ngrams : int, default=100,000
        Size of the vocabulary.
    random_state : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `C` and `temperature`: what to set so that another fit needs no validation.
    facts_ : dict
        `weights`: for the last class, what each number adds to its margin.
    """

    name = "pair_linear.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(
        self,
        *,
        C: float | None = None,
        temperature: float | None = None,
        most_ngrams: int = 100_000,
        random_state: int = 0,
    ):
        self.C = C
        self.temperature = temperature
        self.most_ngrams = most_ngrams
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from pairs of texts and their labels, one label a pair.

        Without `validation`, C and the temperature are chosen on each fifth of the pairs in turn.
        """
        check_ranges(self, above_zero=("C", "temperature"), counts=("most_ngrams",))
        examples = check_pairs(X, y)
        unseen = None if validation is None else check_pairs(*validation, classes=examples.classes)
        listener(Progress(f"{self.name}: counting", 0, len(examples), unit="pairs"))
        folds = fold_numbers(examples.truth, n_folds=FOLDS, random=check_random_state(self.random_state))
        features = self._learn_features(examples)
        matrix = self._cross_fitted(examples, folds)
        splits = _splits(matrix, examples.truth, folds)
        if unseen is not None:
            splits = [DenseSplit(matrix, examples.truth, features.matrix(unseen.pairs), unseen.truth)]
        C, temperature = self.C or UNFITTED_C, self.temperature or UNFITTED_TEMPERATURE
        if splits and (self.C is None or self.temperature is None):
            C, temperature, _ = choose_dense(splits, C=self.C, temperature=self.temperature)
        head = fit_dense(matrix, examples.truth, C=C)
        self.classes_ = examples.classes
        self.chosen_params_ = {"C": C, "temperature": temperature}
        self.facts_: dict[str, Any] = {"weights": dict(zip(NAMES, head.weights[:, -1].tolist(), strict=True))}
        self.predictor_ = PairLinearPredictor(
            features=features,
            weights=head.weights,
            bias=head.bias,
            temperature=temperature,
            labels=[str(label) for label in self.classes_],
            name=self.name,
        )
        listener(Progress(f"{self.name}: counting", len(examples), len(examples), unit="pairs"))
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.linear.pair_linear` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _probabilities(self, pairs: Sequence[Any]) -> np.ndarray:
        return self.predictor_.probabilities(pairs)

    def _learn_features(self, examples: PairExamples) -> PairFeatures:
        texts = examples.texts
        # A text that stands in many pairs is one document, or its words would pass for common ones.
        distinct = list(dict.fromkeys(texts))
        mean_words = float(np.mean([len(segment(level(text))) for text in distinct]))
        return PairFeatures(learn_vectors(distinct, most_ngrams=self.most_ngrams), mean_words=mean_words)

    def _cross_fitted(self, examples: PairExamples, folds: np.ndarray) -> np.ndarray:
        matrix = np.empty((len(examples), len(NAMES)))
        for fold in np.unique(folds):
            away = np.flatnonzero(folds == fold)
            known = np.flatnonzero(folds != fold) if fold != ALWAYS_TRAINS else np.arange(len(folds))
            if len(known) == 0:
                known = away
            features = self._learn_features(examples.take(known))
            matrix[away] = features.matrix(examples.take(away).pairs)
        return matrix


def _splits(matrix: np.ndarray, truth: np.ndarray, folds: np.ndarray) -> Sequence[DenseSplit]:
    """Give each fold in turn as held-out rows; none where a class would be missing from the others."""
    n_classes = int(truth.max()) + 1
    splits = []
    for fold in range(FOLDS):
        away = folds == fold
        if away.any() and len(np.unique(truth[~away])) == n_classes:
            splits.append(DenseSplit(matrix[~away], truth[~away], matrix[away], truth[away]))
    return splits
