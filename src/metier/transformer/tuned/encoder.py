"""The base fine-tuned whole, its head started from the frozen linear solution: on texts, or on both texts of a pair."""

from typing import ClassVar

from pydantic import Field

from metier.tasks.answers import LABEL
from metier.tasks.inputs import PAIR, TEXT
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import OBJECTIVE, LabelSettings, StartedSettings
from metier.training.heads.pooled_head import PooledHead
from metier.training.tuned_method import TAUGHT_SOFTLY, TunedClassifier, TunedMethod


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
    capabilities: ClassVar[Capabilities] = TAUGHT_SOFTLY
    method = TunedMethod(TEXT, PooledHead("onnx_encoder.v1"), LABEL)


class CrossEncoderSettings(LabelSettings, StartedSettings):
    """What `CrossEncoder` can be set to."""

    objective: str | None = Field("cross_entropy", description=OBJECTIVE)


@with_settings(CrossEncoderSettings)
class CrossEncoder(TunedClassifier):
    """A pretrained encoder fine-tuned on both texts of a pair at once, mean-pooled, with a linear head.

    Every word of one text attends to every word of the other [1]_, which two separate embeddings cannot do. It has to
    run once for every pair, so in a search it is the second step, for the best candidates of `BiEncoder` or BM25; see
    `fusion.retrieve_rerank`. It needs some thousand pairs, because the base was not pretrained on pairs, while
    `FrozenPair` uses the base as it was trained.

    The head starts from the solution on the frozen encoder, as that of `Encoder` does.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.

    References
    ----------
    .. [1] Nogueira and Cho, "Passage re-ranking with BERT", 2019, arXiv:1901.04085.
    """

    name = "cross_encoder.v1"
    capabilities: ClassVar[Capabilities] = TAUGHT_SOFTLY
    method = TunedMethod(PAIR, PooledHead("onnx_pair_encoder.v1"), LABEL)
