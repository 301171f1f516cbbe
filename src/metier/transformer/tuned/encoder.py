"""The base fine-tuned whole, its head started from the frozen linear solution."""

from typing import ClassVar

from pydantic import Field

from metier.tasks.answers import LABEL
from metier.tasks.inputs import TEXT
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import OBJECTIVE, LabelSettings, StartedSettings
from metier.training.heads.pooled_head import PooledHead
from metier.training.tuned_method import TunedClassifier, TunedMethod


class EncoderSettings(LabelSettings, StartedSettings):
    """What `Encoder` can be set to.

    The contrast in its objective costs nothing and lowered log-loss on held-out rows wherever it was tried
    (docs/measurements.md).
    """

    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Label smoothing: share of the target that is spread over all labels."
    )
    objective: str | None = Field("cross_entropy+supcon:0.3", description=OBJECTIVE)


@with_settings(EncoderSettings)
class Encoder(TunedClassifier):
    """A pretrained encoder fine-tuned whole, mean-pooled, with a linear head.

    The head starts from the solution on the frozen encoder (linear probing, then fine-tuning [1]_): a random
    head would first pull the features apart. Every epoch is scored on validation by log-loss; the weights of the
    last one that is not shown to be worse than the best are kept. With some thousand rows it gains about a point
    over `FrozenLinear` for ten times the training; with a few hundred prefer that. Of a text past the limit of the base
    every epoch learns one window (see `window_shares`), and the logits of all are averaged in answering.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.

    References
    ----------
    .. [1] Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution", 2022,
       arXiv:2202.10054.
    """

    name = "encoder.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        takes_soft_labels=True,
        trains_together=True,
    )
    method = TunedMethod(TEXT, PooledHead("onnx_encoder.v1"), LABEL)
