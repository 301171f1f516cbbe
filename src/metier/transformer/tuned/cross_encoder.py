"""The base reads both texts of a pair at once, and a linear head judges what it read."""

from typing import ClassVar

from pydantic import Field

from metier.tasks.answers import LABEL
from metier.tasks.inputs import PAIR
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import OBJECTIVE, LabelSettings, StartedSettings
from metier.training.heads.pooled_head import PooledHead
from metier.training.tuned_method import TunedClassifier, TunedMethod


class CrossEncoderSettings(LabelSettings, StartedSettings):
    """What `CrossEncoder` can be set to."""

    objective: str | None = Field("cross_entropy", description=OBJECTIVE)


@with_settings(CrossEncoderSettings)
class CrossEncoder(TunedClassifier):
    """A pretrained encoder fine-tuned on both texts of a pair at once, mean-pooled, with a linear head.

    Every word of the one text is read beside every word of the other [1]_, which two separate vectors cannot do.
    It has to run once for every pair, so in a search it is the second step, on the best that `BiEncoder` or BM25
    found; see `fusion.retrieve_rerank`. It needs some thousand pairs: the base never saw two texts at once, while
    `FrozenPair` builds on what it was trained for.

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
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        trains_together=True,
    )
    method = TunedMethod(PAIR, PooledHead("onnx_pair_encoder.v1"), LABEL)
