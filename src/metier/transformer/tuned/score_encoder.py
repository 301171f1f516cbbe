"""Scores by the base fine-tuned whole, one number a text or pair."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metier.errors import SettingsError
from metier.evaluation.conformal import half_width
from metier.export.graph_export import Exported
from metier.export.precision_choice import EquivalenceCheck
from metier.predictors.score_answers import ScoreRule
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.scored_items import ScoredItems, as_items, check_scores
from metier.training.batching import TokenisedRows
from metier.training.heads.dense_ridge import fit_dense_ridge
from metier.training.heads.pooled_classifier import PooledClassifier
from metier.training.inherited_settings import with_settings_of
from metier.training.tuned_method import TunedEncoder, mean_and_error

# Strengths of the penalty of the head's start a row, for standardised vectors. Vectors of two texts read as one
# hardly differ between pairs, and a head that stretches their noise comes apart as soon as the encoder moves.
GRID = (0.1, 1.0, 10.0, 100.0)
UNFITTED_C = 0.1


@with_settings_of(TunedEncoder)
class ScoreEncoder(RegressorMixin, TunedEncoder):
    """A pretrained encoder fine-tuned whole by squared error; a pair is read as one sequence.

    Each answer has an interval around it whose width comes from rows the model has not seen (split conformal
    prediction, see `evaluation.conformal.half_width`).

    Parameters
    ----------
    objective : str, default=None
        What is put on the squared error, joined by `+`: `fgm:1`, `pgd:1:3`, `simcse:0.1`, `ewc:1`; see
        `training.objectives.composition`.
    C : float, default=None
        Of the ridge regression that the head starts from, whose penalty is 1 / C a row; None: chosen on validation.
    half_width : float, default=None
        Half the width of an answer's interval, in units of the score; None: from errors on validation.
    coverage : float, default=0.9
        Share of answers whose truth is to lie in the interval, above 0 and below 1.
    settings : see `TunedEncoder`

    Attributes
    ----------
    base_ : Base
        The base that was used.
    rule_ : ScoreRule
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went: epochs, steps, why it stopped, what each epoch scored.
    """

    name = "score_encoder.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        trains_together=True,
    )
    answers = "score"
    learned = (*TunedEncoder.learned, "rule_", "scale_", "shift_")

    def __init__(
        self,
        *,
        half_width: float | None = None,
        coverage: float = 0.9,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.half_width = half_width
        self.coverage = coverage

    def predict(self, X: Any) -> list[float]:
        """Give the score of each text or pair; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = self._scores(as_items(X)).tolist()
        return scores

    def _scores(self, inputs: Sequence[Any]) -> np.ndarray:
        return np.asarray(self.margins(inputs)[:, 0] * self.scale_ + self.shift_)

    def _is_settled(self) -> bool:
        return self.stop_epoch is not None and self.half_width is not None

    def _unsettled(self, examples: ScoredItems) -> dict[str, Any]:
        # Nobody knows how far off answers are, so an interval promises no more than all scores that were seen.
        return {"C": self.C or UNFITTED_C, "half_width": self.half_width or float(np.ptp(examples.scores))}

    def _read(self, X: Any) -> Sequence[Any]:
        return as_items(X)

    def _check(self, X: Any, y: Any, *, known: Any | None = None) -> ScoredItems:
        if not 0 < self.coverage < 1:
            fault = f"coverage is {self.coverage!r}, expected a number above 0 and below 1"
            raise SettingsError([fault], origin=f"The settings of {self.name}")
        return check_scores(X, y, are_unseen=known is not None)

    def _inputs(self, examples: ScoredItems) -> Sequence[Any]:
        return examples.items

    def _truth(self, examples: ScoredItems) -> np.ndarray:
        return ((examples.scores - self.shift_) / self.scale_).astype(np.float32)

    def _splits(self, examples: ScoredItems, random: np.random.RandomState) -> Iterator[tuple[Any, Any]]:
        for kept, held in examples.folds(random):
            yield examples.take(kept), examples.take(held)

    def _start_of_head(
        self, examples: ScoredItems, vectors: np.ndarray, away: tuple[ScoredItems, np.ndarray] | None
    ) -> tuple[float, np.ndarray, np.ndarray]:
        # The network learns scores of mean 0 and spread 1, whatever their unit.
        self.shift_, self.scale_ = float(examples.scores.mean()), float(examples.scores.std())
        truth = self._truth(examples)
        C = self.C or UNFITTED_C
        if self.C is None and away is not None:
            held = self._truth(away[0])
            errors = {}
            for penalty in GRID:
                weight, bias = fit_dense_ridge(vectors, truth, penalty=penalty)
                errors[1 / penalty] = float(np.square(away[1] @ weight + bias - held).mean())
            C = min(errors, key=lambda candidate: errors[candidate])
        weight, bias = fit_dense_ridge(vectors, truth, penalty=1 / C)
        return C, weight[None, :], np.array([bias])

    def _score(self, model: PooledClassifier, rows: TokenisedRows) -> dict[str, float]:
        assert rows.truth is not None
        losses = np.square(model.logits(rows)[:, 0] - rows.truth)
        return {"rmse": float(np.sqrt(losses.mean()) * self.scale_), **mean_and_error(losses)}

    def _settle(self, examples: ScoredItems, unseen: ScoredItems | None) -> dict[str, Any]:
        width = self.half_width
        if width is None and unseen is not None:
            width = half_width(unseen.scores - self._scores(unseen.items), coverage=self.coverage)
        assert width is not None
        self.rule_ = ScoreRule(width, self.coverage)
        return {"half_width": width}

    def _exported(self) -> Exported:
        weight, bias = self._weights()
        return self._exported_with(
            "onnx_scorer.v1", self.rule_, weight * self.scale_, bias * self.scale_ + self.shift_
        )

    def _equivalence_check(self, unseen: ScoredItems) -> EquivalenceCheck:
        return check_of_scores(unseen, self.rule_)


def check_of_scores(unseen: ScoredItems, rule: ScoreRule) -> EquivalenceCheck:
    """Let INT8 prove itself by intervals: a row is right if its score lies in the interval of the answer."""

    def is_correct(answers: Any, some: slice) -> np.ndarray:
        return np.asarray(np.abs(np.array(answers.predicted) - unseen.scores[some]) <= rule.half_width)

    return EquivalenceCheck.on_rows(unseen.items, is_correct)
