"""The base fine-tuned whole with a head on every token: spans found by an encoder."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from metier.tasks.answers import SPANS
from metier.tasks.answers.decoder_settings import CALIBRATION, OUTSIDE_BIAS
from metier.tasks.answers.scored_spans import ScoredSpan
from metier.tasks.inputs import TEXT
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import SmoothedSettings
from metier.training.heads.token_head import TokenHead
from metier.training.objectives.learning import TAGS
from metier.training.tuned_method import TAUGHT_SOFTLY, Fitted, TunedEstimator, TunedMethod


class TokenSettings(SmoothedSettings):
    """What `TokenEncoder` can be set to."""

    learning = TAGS

    epochs: int = Field(6, ge=1, description="Length of the learning-rate schedule.")
    learning_rate: float | None = Field(
        3e-4,
        gt=0,
        description="Peak learning rate of the head and the uppermost layer; None: by the number of steps.",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout of the encoder during training.")
    outside_bias: float | None = OUTSIDE_BIAS
    calibration: tuple[float, float] | None = CALIBRATION


@with_settings(TokenSettings)
class TokenEncoder(TunedEstimator):
    """A pretrained encoder with full fine-tuning and a linear head on the first subword of each token [1]_.

    The casing of tokens is an additional feature, because small encoders lower-case their input. Tags are the most
    probable valid sequence. Scripts without spaces are tokenized by character. A text beyond the limit of the base is
    read in windows with a quarter overlap. The head starts from the solution on the frozen base, as in `Encoder`.
    Every epoch is evaluated on validation by the F1 of spans. It needs some hundred rows; with fewer, or without
    enough computing time, prefer `Crf`. `facts_["unaligned_spans"]` counts spans whose edges are not edges of tokens.

    Attributes
    ----------
    labels_ : tuple of str

    References
    ----------
    .. [1] Devlin et al., "BERT: pre-training of deep bidirectional transformers for language understanding",
       2019, arXiv:1810.04805.
    """

    name = "token_encoder.v1"
    capabilities: ClassVar[Capabilities] = TAUGHT_SOFTLY
    method = TunedMethod(TEXT, TokenHead(), SPANS)

    def _keep(self, fitted: Fitted, labels: np.ndarray) -> None:
        super()._keep(fitted, labels)
        self.labels_ = tuple(map(str, labels))

    def predict_spans(self, X: Any) -> list[list[ScoredSpan]]:
        """Give the spans of each text with their calibrated probabilities."""
        check_is_fitted(self)
        return [self.decoder_.spans(one.logits, one.offsets) for one in self._logits(self._read(X))]
