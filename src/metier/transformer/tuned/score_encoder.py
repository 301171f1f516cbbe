"""Scores by the base fine-tuned whole, one number a text or pair."""

from typing import Any, ClassVar

from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metier.tasks.answers import SCORE
from metier.tasks.answers.decoder_settings import COVERAGE, HALF_WIDTH
from metier.tasks.inputs import TEXT_OR_PAIR
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import StartedSettings
from metier.training.heads.pooled_head import PooledHead
from metier.training.heads.ridge_probe import RidgeStart
from metier.training.objectives.learning import SCORES
from metier.training.tuned_method import TAUGHT_SOFTLY, TunedEstimator, TunedMethod


class ScoreSettings(StartedSettings):
    """What `ScoreEncoder` can be set to."""

    learning = SCORES

    half_width: float | None = HALF_WIDTH
    coverage: float = COVERAGE


@with_settings(ScoreSettings)
class ScoreEncoder(RegressorMixin, TunedEstimator):
    """A pretrained encoder with full fine-tuning by squared error; a pair is read as one sequence.

    Each answer has an interval around it whose width comes from rows the model has not seen (split conformal
    prediction, see `evaluation.conformal.half_width`). The head starts from a ridge regression, whose penalty is 1 / C a
    row.
    """

    name = "score_encoder.v1"
    capabilities: ClassVar[Capabilities] = TAUGHT_SOFTLY
    method = TunedMethod(TEXT_OR_PAIR, PooledHead("onnx_scorer.v1", RidgeStart(), states_reading=True), SCORE)

    def predict(self, X: Any) -> list[float]:
        """Give the score of each text or pair; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = self._logits(self._read(X))[:, 0].tolist()
        return scores
