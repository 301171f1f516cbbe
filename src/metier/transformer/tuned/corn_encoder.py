"""Grades by the base fine-tuned whole under an ordinal head."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from metier.tasks.answers import GRADE
from metier.tasks.answers.decoder_settings import ORDER, TEMPERATURE
from metier.tasks.inputs import TEXT
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import StartedSettings
from metier.training.heads.pooled_head import PooledHead, QuestionStart
from metier.training.objectives.learning import GRADES
from metier.training.tuned_method import TAUGHT_SOFTLY, TunedClassifier, TunedMethod


class CornSettings(StartedSettings):
    """What `CornEncoder` can be set to."""

    learning = GRADES

    order: Sequence[str] | None = ORDER
    temperature: float | None = TEMPERATURE


@with_settings(CornSettings)
class CornEncoder(TunedClassifier):
    """A pretrained encoder with full fine-tuning and a CORN head [1]_ for ordinal labels.

    Attributes
    ----------
    classes_ : ndarray of shape (n_grades,)
        Grades in their order, which is that of the columns of `predict_proba`.

    References
    ----------
    .. [1] Shi, Cao and Raschka, "Deep neural networks for rank-consistent ordinal regression based on conditional
       probabilities", 2021, arXiv:2111.08851.
    """

    name = "corn_encoder.v1"
    capabilities: ClassVar[Capabilities] = replace(TAUGHT_SOFTLY, baseline="encoder.v1")
    method = TunedMethod(
        TEXT,
        PooledHead("onnx_grader.v1", QuestionStart(), states_reading=True),
        GRADE,
        checked_with=("order",),
    )
