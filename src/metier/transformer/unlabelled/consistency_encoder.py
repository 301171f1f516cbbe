"""The encoder that also learns to answer unlabelled texts alike, however they are put."""

from dataclasses import dataclass, replace
from typing import ClassVar

from pydantic import Field

from metier.bases.base import Base
from metier.bases.known_bases import load_tokenizer
from metier.features.tokenization import token_ids
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.batching import TokenisedRows
from metier.training.encoder_settings import Unchecked
from metier.training.heads.head import Ready
from metier.training.objectives import Objective
from metier.training.training_cost import Cost
from metier.training.tuned_method import UnlabelledUse
from metier.transformer.tuned.encoder import Encoder, EncoderSettings
from metier.transformer.unlabelled.consistency import ConsistencyRows, consistency, other_versions
from metier.transformer.unlabelled.word_neighbours import word_neighbours


class ConsistencySettings(EncoderSettings):
    """What `ConsistencyEncoder` can be set to."""

    unlabelled: Unchecked = Field(None, description="Unlabelled texts of the same kind.")
    most_texts: int = Field(
        2000, ge=1, description="Most unlabelled texts that are used; they are sampled evenly."
    )
    consistency_weight: float = Field(
        1.0, gt=0, description="Weight of the consistency loss beside the cross-entropy."
    )
    confidence: float = Field(
        0.5, ge=0, le=1, description="Least probability of a prediction that is used as a target."
    )
    sharpening: float = Field(0.4, gt=0, description="Temperature that sharpens the target, up to 1.")
    changed_fraction: float = Field(0.15, gt=0, description="Share of the words changed by the augmentation.")

    @property
    def used(self) -> list[str]:
        """The unlabelled texts that are learned from."""
        texts = list(self.unlabelled or ())
        return texts[:: max(1, -(-len(texts) // self.most_texts))]


@dataclass(frozen=True)
class AlikeAnswers(UnlabelledUse):
    """Unlabelled texts stand among the rows with another version each; both have to get the same answer."""

    def learned(
        self, ready: Ready, base: Base, settings: ConsistencySettings, objective: Objective
    ) -> tuple[Ready, Objective]:
        """Put the unlabelled texts behind the rows; without them everything stays as it is."""
        texts = settings.used
        if not texts:
            return ready, objective
        originals, others = other_versions(
            texts,
            synonyms=word_neighbours(base, texts),
            fraction=settings.changed_fraction,
            random_state=settings.random_state,
        )
        tokenizer = load_tokenizer(base)
        ids = [token_ids(tokenizer, part, prefix=base.prefix) for part in (originals, others)]
        objective = consistency(
            weight=settings.consistency_weight,
            confidence=settings.confidence,
            temperature=settings.sharpening,
            label_smoothing=settings.label_smoothing,
        )
        assert isinstance(ready.rows, TokenisedRows)  # What this method reads are texts.
        return replace(ready, rows=ConsistencyRows.of(ready.rows, *ids)), objective

    def cost(self, cost: Cost, settings: ConsistencySettings) -> Cost:
        """Count each unlabelled text twice."""
        seconds = cost.seconds_per_row * 2 * len(settings.used)
        return replace(cost, seconds_per_epoch=cost.seconds_per_epoch + seconds)


@with_settings(ConsistencySettings)
class ConsistencyEncoder(Encoder):
    """`Encoder` with consistency training: unlabelled texts and their augmented versions get the same prediction
    [1]_.

    Texts are augmented by EDA: words swapped, dropped, inserted, replaced by similar ones. Its supervised counterpart
    is `encoder.v1`, and without unlabelled texts it is the same. An epoch uses each unlabelled text twice, so
    training time grows with their number; `most_texts` limits it. It minimises cross-entropy and the divergence only:
    `objective` and `class_weights` of the encoder have no effect.

    References
    ----------
    .. [1] Xie et al., "Unsupervised data augmentation for consistency training", 2020, arXiv:1904.12848.
    """

    name = "consistency_encoder.v1"
    capabilities: ClassVar[Capabilities] = replace(
        Encoder.capabilities, baseline="encoder.v1", learns_from_unlabelled=True
    )
    method = replace(Encoder.method, unlabelled=AlikeAnswers())
