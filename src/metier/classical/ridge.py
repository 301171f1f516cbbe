"""Scores by the traditional features and ridge regression."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.base import RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.classical.linear_model import LinearModel
from metier.classical.tfidf_rows import as_matrix
from metier.classical.tfidf_vocabulary import learn_vectors
from metier.evaluation.conformal import half_width
from metier.features.pair_features import PairFeatures
from metier.features.tfidf import TfidfVectors
from metier.predictors.linear.linear import LinearPredictor
from metier.predictors.linear.pair_score_linear import PairScoreLinearPredictor
from metier.predictors.linear.score_linear import ScoreLinearPredictor
from metier.predictors.score_answers import ScoreRule
from metier.progress import Listener, Progress, ignore
from metier.tasks.estimators import TextMethod
from metier.tasks.method_contract import Capabilities
from metier.tasks.scored_items import ScoredItems, as_items, check_scores
from metier.tasks.setting_ranges import check_ranges
from metier.text.ngrams import level
from metier.text.segmentation import segment

ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
UNFITTED_ALPHA = 1.0  # Where no row can be held out.
TOLERANCE = 1e-5  # Of the solver, relative: a thousandth of what neighbouring alphas differ by.


@dataclass(frozen=True)
class _Split:
    """Features to train on and features to judge by, with the scores of both."""

    features: Any
    scores: np.ndarray
    held_features: Any
    held_scores: np.ndarray


class TfidfRidge(RegressorMixin, TextMethod):
    """TF-IDF vectors and ridge regression [1]_; for pairs what the two texts share, counted, instead.

    Trains in seconds and answers in a tenth of a millisecond. Each answer has an interval around it whose width
    comes from rows the model has not seen (split conformal prediction, see `evaluation.conformal.half_width`).

    Parameters
    ----------
    alpha : float, default=None
        Strength of the penalty; None: chosen by squared error on validation.
    half_width : float, default=None
        Half the width of an answer's interval, in units of the score; None: from errors on validation.
    coverage : float, default=0.9
        Share of answers whose truth is to lie in the interval, above 0 and below 1.
    most_ngrams : int, default=250,000
        Size of the vocabulary.
    random_state : int, default=0

    Attributes
    ----------
    chosen_params_ : dict
        `alpha` and `half_width`: what to set so that another fit needs no validation.
    facts_ : dict
        Error on held-out rows, for each alpha that was tried.

    References
    ----------
    .. [1] Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970.
    """

    name = "ridge.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(
        self,
        *,
        alpha: float | None = None,
        half_width: float | None = None,
        coverage: float = 0.9,
        most_ngrams: int = 250_000,
        random_state: int = 0,
    ):
        self.alpha = alpha
        self.half_width = half_width
        self.coverage = coverage
        self.most_ngrams = most_ngrams
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from texts, or pairs of texts, and their scores.

        Without `validation`, a tenth of the rows (of fewer than 1,000 rows: each fifth in turn) is held out to
        choose on; the model is then trained on all rows.
        """
        more = []
        if not 0 < self.coverage < 1:
            more.append(f"coverage is {self.coverage!r}, expected a number above 0 and below 1")
        check_ranges(self, above_zero=("alpha", "half_width"), counts=("most_ngrams",), more=more)
        self.facts_: dict[str, Any] = {}
        examples = check_scores(X, y)
        folds = list(examples.folds(check_random_state(self.random_state)))
        listener(Progress(f"{self.name}: counting", 0, len(examples), unit="items"))
        reader = self._learn_reader(examples)
        matrix = self._training_matrix(reader, examples, folds)
        if validation is not None:
            unseen = check_scores(*validation, are_unseen=True)
            splits = [_Split(matrix, examples.scores, _read(reader, unseen.items), unseen.scores)]
        else:
            splits = list(self._splits(matrix, examples, folds))
        # With a handful of rows nobody knows how far off answers are: as far as all scores that were seen.
        alpha, errors = self.alpha or UNFITTED_ALPHA, np.array([np.ptp(examples.scores)])
        if splits:
            alpha, errors = self._choose(splits)
        model = fit_ridge(matrix, examples.scores, alpha=alpha)
        width = half_width(errors, coverage=self.coverage) if self.half_width is None else self.half_width
        self.predictor_ = self._predictor(reader, model, ScoreRule(width, self.coverage))
        self.chosen_params_: dict[str, Any] = {"alpha": alpha, "half_width": width}
        listener(Progress(f"{self.name}: counting", len(examples), len(examples), unit="items"))
        return self

    def predict(self, X: Any) -> list[float]:
        """Give the score of each item; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = self.predictor_.scores(as_items(X)).tolist()
        return scores

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.linear.score_linear` or `predictors.linear.pair_score_linear` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _learn_reader(self, examples: ScoredItems) -> TfidfVectors | PairFeatures:
        # A text that stands in many pairs is one document, or its words would pass for common ones.
        distinct = list(dict.fromkeys(examples.texts))
        vectors = learn_vectors(distinct, most_ngrams=self.most_ngrams)
        if not examples.are_pairs:
            return vectors
        mean_words = float(np.mean([len(segment(level(text))) for text in distinct]))
        return PairFeatures(vectors, mean_words=mean_words)

    def _training_matrix(
        self, reader: TfidfVectors | PairFeatures, examples: ScoredItems, folds: Sequence[Any]
    ) -> Any:
        """Give what is learned from: for pairs each fold is counted with a vocabulary that has not seen it."""
        matrix = _read(reader, examples.items)
        if examples.are_pairs:
            for known, away in folds:
                matrix[away] = _read(self._learn_reader(examples.take(known)), examples.take(away).items)
        return matrix

    def _splits(self, matrix: Any, examples: ScoredItems, folds: Sequence[Any]) -> Iterator[_Split]:
        for known, away in folds:
            parts = matrix[known], matrix[away]
            if not examples.are_pairs:
                reader = self._learn_reader(examples.take(known))
                parts = _read(reader, examples.take(known).items), _read(reader, examples.take(away).items)
            yield _Split(parts[0], examples.scores[known], parts[1], examples.scores[away])

    def _choose(self, splits: Sequence[_Split]) -> tuple[float, np.ndarray]:
        """Give the alpha of the lowest squared error, and the errors it made on held-out rows."""
        trials = {}
        for alpha in ALPHAS if self.alpha is None else (self.alpha,):
            errors = [
                split.held_scores
                - fit_ridge(split.features, split.scores, alpha=alpha).margins(split.held_features)[:, 0]
                for split in splits
            ]
            trials[alpha] = np.concatenate(errors)
        best = min(trials, key=lambda alpha: float(np.square(trials[alpha]).mean()))
        squared = {str(alpha): float(np.square(errors).mean()) for alpha, errors in trials.items()}
        self.facts_ = {"squared_error_by_alpha": squared, "held_out_rows": len(trials[best])}
        return best, trials[best]

    def _predictor(self, reader: Any, model: LinearModel, rule: ScoreRule) -> Any:
        if isinstance(reader, PairFeatures):
            return PairScoreLinearPredictor(
                features=reader, weights=model.weights, bias=model.bias, rule=rule, name=self.name
            )
        linear = LinearPredictor(
            vectors=reader, weights=model.weights, bias=model.bias, temperature=1.0, labels=(), name=self.name
        )
        return ScoreLinearPredictor(linear, rule)


def fit_ridge(features: np.ndarray | csr_matrix, scores: np.ndarray, *, alpha: float) -> LinearModel:
    """Fit ridge regression; dense numbers are scaled to a spread of 1 first, and the scaling is folded in.

    Returns
    -------
    LinearModel
        With one column.
    """
    if issparse(features):
        learner = Ridge(alpha=alpha, solver="sparse_cg", tol=TOLERANCE).fit(features, scores)
        return LinearModel(learner.coef_[:, None], np.array([learner.intercept_]))
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)  # What never moves has nothing to say.
    learner = Ridge(alpha=alpha).fit((features - mean) / scale, scores)
    weights = learner.coef_[:, None] / scale[:, None]
    return LinearModel(weights, np.array([learner.intercept_]) - mean @ weights)


def _read(reader: TfidfVectors | PairFeatures, items: Sequence[Any]) -> Any:
    return reader.matrix(items) if isinstance(reader, PairFeatures) else as_matrix(reader, items)
