"""Scores by the base as it came, and ridge regression on its embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.bases.known_bases import load_model, resolve_base
from metier.errors import SettingsError
from metier.evaluation.conformal import half_width
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import check_precision
from metier.predictors.score_answers import ScoreRule
from metier.progress import Listener, ignore
from metier.tasks.estimators import TextMethod
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.pairs import Pair
from metier.tasks.scored_items import ScoredItems, as_items, check_scores
from metier.text.language import detect_language
from metier.transformer.frozen.base_cost import ReadsByFrozenBase
from metier.transformer.frozen.pair_vectors import compared, distinct_texts, frozen_vectors
from metier.transformer.tuned.score_encoder import check_of_scores, fit_dense_ridge

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # A row, on standardised numbers.
UNFITTED_PENALTY = 0.3  # Where no row can be held out.
COMPARISON = "difference"


class FrozenRidge(ReadsByFrozenBase, RegressorMixin, TextMethod):
    """Vectors of a frozen pretrained encoder, then ridge regression; of pairs |u - v|, u * v and the cosine.

    Vectors are computed once and kept on disk, so a second fit takes seconds; the pair (a, b) is answered as (b, a)
    is. Each answer has an interval around it whose width comes from rows the model has not seen (split conformal
    prediction, see `evaluation.conformal.half_width`).

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    penalty : float, default=None
        Strength of the penalty a row, on standardised numbers; None: chosen by squared error on validation.
    half_width : float, default=None
        Half the width of an answer's interval, in units of the score; None: from errors on validation.
    coverage : float, default=0.9
        Share of answers whose truth is to lie in the interval, above 0 and below 1.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of the exported encoder; `auto` keeps INT8 only where it is proved equal and measured faster.
    random_state : int, default=0

    Attributes
    ----------
    base_ : Base
        The base that was used.
    weight_, bias_ : ndarray of shape (n_features,), float
    rule_ : ScoreRule
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    name = "frozen_ridge.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True)

    def __init__(
        self,
        *,
        base: str = "auto",
        penalty: float | None = None,
        half_width: float | None = None,
        coverage: float = 0.9,
        precision: str = "auto",
        random_state: int = 0,
    ):
        self.base = base
        self.penalty = penalty
        self.half_width = half_width
        self.coverage = coverage
        self.precision = precision
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed the texts, or look their vectors up, and fit the head.

        Without `validation`, rows are held out to choose the penalty and the width on; the head is then fitted on all.
        """
        check_precision(self.precision)
        if not 0 < self.coverage < 1:
            fault = f"coverage is {self.coverage!r}, expected a number above 0 and below 1"
            raise SettingsError([fault], origin=f"The settings of {self.name}")
        examples = check_scores(X, y)
        unseen = None if validation is None else check_scores(*validation, are_unseen=True)
        self.base_ = resolve_base(self.base, language=detect_language(examples.texts).main_language)
        features = self._features(examples.items, listener)
        if unseen is None:
            splits = list(examples.folds(check_random_state(self.random_state)))
            parts = [(features[k], examples.scores[k], features[h], examples.scores[h]) for k, h in splits]
        else:
            parts = [(features, examples.scores, self._features(unseen.items, listener), unseen.scores)]
        penalty, errors = self.penalty or UNFITTED_PENALTY, np.array([np.ptp(examples.scores)])
        if parts:
            penalty, errors = _choose(parts, PENALTIES if self.penalty is None else (self.penalty,))
        self.weight_, self.bias_ = fit_dense_ridge(features, examples.scores, penalty=penalty)
        width = half_width(errors, coverage=self.coverage) if self.half_width is None else self.half_width
        self.rule_ = ScoreRule(width, self.coverage)
        self.chosen_params_: dict[str, Any] = {
            "base": self.base_.name,
            "penalty": penalty,
            "half_width": width,
        }
        self.facts_: dict[str, Any] = {"base": self.base_.name, "held_out_rows": len(errors)}
        self._keep(examples, unseen)
        return self

    def predict(self, X: Any) -> list[float]:
        """Give the score of each text or pair; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = (self._features(as_items(X)) @ self.weight_ + self.bias_).tolist()
        return scores

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_scorer` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        exported = Exported(
            "onnx_scorer.v1",
            self.name,
            self.base_,
            pooled(load_model(self.base_), self.base_, unit_length=True),
            self.rule_,
            head={"weight": self.weight_[None, :], "bias": np.array([self.bias_])},
            settings={"reading": self._reading},
        )
        check = None if self._unseen is None else check_of_scores(self._unseen, self.rule_)
        sides = (
            [side for pair in self._sample for side in pair] if self._reading == "compared" else self._sample
        )
        report = export_graph(
            exported, folder, check=check, sample=sample_of(self.base_, sides), precision=self.precision
        )
        keep_report(self, report)

    def _keep(self, examples: ScoredItems, unseen: ScoredItems | None) -> None:
        self._reading = "compared" if examples.are_pairs else "vectors"
        self._unseen = unseen
        self._sample = list(typical_rows(examples.items))

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> np.ndarray:
        if not isinstance(items[0], Pair):
            return frozen_vectors(self.base_, items, listener=listener)
        texts = distinct_texts(items)
        vectors = dict(zip(texts, frozen_vectors(self.base_, texts, listener=listener), strict=True))
        return compared(items, vectors, COMPARISON)


def _choose(
    parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]], penalties: Sequence[float]
) -> tuple[float, np.ndarray]:
    """Give the penalty of the lowest squared error, and the errors it made on held-out rows."""
    errors = {}
    for penalty in penalties:
        found = []
        for known, scores, held, truth in parts:
            weight, bias = fit_dense_ridge(known, scores, penalty=penalty)
            found.append(truth - (held @ weight + bias))
        errors[penalty] = np.concatenate(found)
    best = min(errors, key=lambda penalty: float(np.square(errors[penalty]).mean()))
    return best, errors[best]
