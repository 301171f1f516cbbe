"""The encoder that learned the words of the domain before it was fine-tuned."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import Field

from metier.bases.base import Base
from metier.progress import Listener
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import Unchecked
from metier.training.training_cost import Cost
from metier.training.tuned_method import UnlabelledUse
from metier.transformer.tuned.encoder import Encoder, EncoderSettings
from metier.transformer.unlabelled.masked_pretraining import MaskingSettings, Sentences, pretrain


class PretrainedSettings(EncoderSettings):
    """What `PretrainedEncoder` can be set to."""

    unlabelled: Unchecked = Field(None, description="Unlabelled texts of the same kind.")
    passes: int = Field(2, ge=1, description="Passes over these texts; every pass masks other words.")
    masked_fraction: float = Field(0.3, gt=0, le=1, description="Share of the words that are masked.")
    whole_words: bool = Field(True, description="Whether all pieces of a word are masked together.")
    sentences: Sentences = Field(
        "none",
        description="What is asked besides of texts of several sentences: whether a part follows (`next`), or whether two "
        "parts are the right way round (`order`).",
    )
    pretraining_rate: float | None = Field(
        None, gt=0, description="Peak learning rate of the pretraining; None: by the number of steps."
    )


@dataclass(frozen=True)
class WordsFirst(UnlabelledUse):
    """The base fills in masked words of the unlabelled texts before it is fine-tuned."""

    def base(self, base: Base, settings: PretrainedSettings, listener: Listener) -> tuple[Base, dict[str, Any]]:
        """Give the base after it learned these texts; the same base for a refit on other rows."""
        if not settings.unlabelled:
            return base, {"pretraining": None}
        masking = MaskingSettings(
            passes=settings.passes,
            masked_fraction=settings.masked_fraction,
            whole_words=settings.whole_words,
            learning_rate=settings.pretraining_rate,
            random_state=settings.random_state,
            sentences=settings.sentences,
        )
        learned, facts = pretrain(base, list(settings.unlabelled), masking, listener=listener)
        return learned, {"pretraining": facts}

    def cost(self, cost: Cost, settings: PretrainedSettings) -> Cost:
        """Count the passes over the unlabelled texts."""
        n_rows = len(settings.unlabelled or ()) * settings.passes
        return replace(cost, seconds_before=cost.seconds_before + cost.seconds_per_row * n_rows)


@with_settings(PretrainedSettings)
class PretrainedEncoder(Encoder):
    """`Encoder` on a base with continued pretraining: masked language modelling on the unlabelled texts [1]_.

    For a domain whose vocabulary the base hardly knows, with many thousand texts. A base that was trained for
    sentence embeddings loses some quality by it, so its supervised counterpart, `encoder.v1`, is hard to beat on
    everyday texts. Without unlabelled texts it is the same. The pretrained base is kept in the user's cache.

    References
    ----------
    .. [1] Gururangan et al., "Don't stop pretraining: adapt language models to domains and tasks", 2020,
       arXiv:2004.10964.
    """

    name = "pretrained_encoder.v1"
    capabilities: ClassVar[Capabilities] = replace(
        Encoder.capabilities, baseline="encoder.v1", learns_from_unlabelled=True
    )
    method = replace(Encoder.method, unlabelled=WordsFirst())
