"""The base fine-tuned whole on texts with two entities marked."""

from typing import ClassVar

from pydantic import Field

from metier.tasks.answers import RELATION
from metier.tasks.inputs import MARKED_TEXT
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import OBJECTIVE, LabelSettings
from metier.training.heads.marked_head import MarkedHead
from metier.training.tuned_method import TAUGHT_SOFTLY, TunedClassifier, TunedMethod


class RelationSettings(LabelSettings):
    """What `RelationEncoder` can be set to."""

    epochs: int = Field(5, ge=1, description="Length of the learning-rate schedule.")
    learning_rate: float | None = Field(
        2e-4,
        gt=0,
        description="Peak learning rate of the head and the uppermost layer; higher than in `Encoder`, "
        "since entity markers and head are new. None: by the number of steps.",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout of the head during training.")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Label smoothing: share of the target that is spread over all labels."
    )
    objective: str | None = Field("cross_entropy", description=OBJECTIVE)


@with_settings(RelationSettings)
class RelationEncoder(TunedClassifier):
    """A pretrained encoder with full fine-tuning; the two entities are marked by special tokens, as in R-BERT [1]_.

    Some points above `RelationLinear` from a thousand rows on, for minutes of training. Every epoch is scored on
    validation by log-loss; the weights of the last one that is not shown to be worse than the best are kept. A text
    past the base's limit keeps what lies around its entities; where they lie further apart than that, the
    surroundings of both, and `facts_["entities_apart"]` says in how many rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.

    References
    ----------
    .. [1] Wu and He, "Enriching pre-trained language model with entity information for relation classification",
       2019, arXiv:1905.08284.
    """

    name = "relation_encoder.v1"
    capabilities: ClassVar[Capabilities] = TAUGHT_SOFTLY
    method = TunedMethod(MARKED_TEXT, MarkedHead(), RELATION)
