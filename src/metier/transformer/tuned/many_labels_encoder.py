"""Many labels by the base fine-tuned whole, one sigmoid a label."""

from typing import Any, ClassVar

from metier.tasks.answers import LABEL_SET
from metier.tasks.answers.decoder_settings import RULE
from metier.tasks.inputs import TEXT
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import StartedSettings
from metier.training.heads.pooled_head import PooledHead, QuestionStart
from metier.training.objectives.learning import LABEL_SETS
from metier.training.tuned_method import TAUGHT_SOFTLY, TunedLabelSets, TunedMethod


class ManyLabelsSettings(StartedSettings):
    """What `ManyLabelsEncoder` can be set to."""

    learning = LABEL_SETS

    rule: dict[str, Any] | None = RULE


@with_settings(ManyLabelsSettings)
class ManyLabelsEncoder(TunedLabelSets):
    """A pretrained encoder with full fine-tuning by binary cross-entropy, then a sigmoid and a threshold per label.

    The head starts from the logistic regressions on the frozen base. Sigmoids and thresholds are those of
    `ManyLabelsLinear`, fitted on validation.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "many_labels_encoder.v1"
    capabilities: ClassVar[Capabilities] = TAUGHT_SOFTLY
    method = TunedMethod(
        TEXT, PooledHead("onnx_many_labels.v1", QuestionStart(), states_reading=True), LABEL_SET
    )
