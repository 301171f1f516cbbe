"""A text encoder and a network of images tuned together, their fusion started from the frozen solution."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from metier.bases.adaptation import parse_adaptation
from metier.multimodal.joint_settings import IMAGE_BASE, IMAGE_WEIGHT, MISSING_SCALES
from metier.multimodal.two_tower_head import TwoTowerHead
from metier.tasks.answers import LABEL
from metier.tasks.inputs import TEXT_IMAGE
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import OBJECTIVE, LabelSettings, StartedSettings
from metier.training.image_settings import ADAPTATIONS, TERMS_OF_TEXT, AugmentedSettings
from metier.training.tuned_method import FINE_TUNING, TunedClassifier, TunedMethod

TUNES_BOTH = replace(FINE_TUNING, is_joint=True, baseline="joint.v1", trains_together=False)


class JointEncoderSettings(AugmentedSettings, LabelSettings, StartedSettings):
    """What `JointEncoder` can be set to."""

    token_budget: ClassVar[None] = None  # type: ignore[misc, assignment]  # Batches are counted in rows.

    image_base: Any = IMAGE_BASE
    fusion: Literal["concat", "gated", "bilinear"] = Field(
        "concat",
        description="What is on top of both towers: a linear head on both vectors, a gate between them (GMU), or their "
        "products at low rank (MLB).",
    )
    start_epochs: int | None = Field(
        None,
        ge=1,
        description="Gated and bilinear: passes over the frozen vectors before the towers train; None: chosen on "
        "validation.",
    )
    adaptation: str = Field(
        "lora:8",
        description="Which weights of both towers train: `full`, `head`, `top:2` (layers of each), `lora:8` or `bitfit`.",
    )
    image_weight: float | None = IMAGE_WEIGHT
    batch_size: int = Field(16, ge=1, description="Rows of a batch.")
    modality_dropout: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the rows with a text and an image that lose one of the two in an epoch.",
    )
    missing_scales: Mapping[str, float] | None = MISSING_SCALES
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Label smoothing: share of the target that is spread over all labels."
    )
    objective: str | None = Field("cross_entropy", description=OBJECTIVE)

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another."""
        faults = super().misfits(values)
        if not faults and parse_adaptation(values["adaptation"]).kind not in ADAPTATIONS:
            faults.append(
                f"adaptation is {values['adaptation']!r}, which is for texts; expected one of full, head, top:6, lora:8, "
                "bitfit"
            )
        terms = [part.partition(":")[0] for part in str(values["objective"] or "").split("+")]
        faults += [
            f"objective has {term!r}, which is for texts; leave it out"
            for term in terms
            if term in TERMS_OF_TEXT
        ]
        if values["gradient_checkpointing"]:
            faults.append("gradient_checkpointing is on, which two towers have not; take a smaller batch_size")
        return faults

    @property
    def batch_budget(self) -> int:
        """Rows of a batch."""
        return self.batch_size


@with_settings(JointEncoderSettings)
class JointEncoder(TunedClassifier):
    """A text encoder and a network of images tuned together under one fusion, by default by low-rank adaptation.

    The fusion starts from the solution on both frozen towers; the loss flows into both. What it gains over `Joint`, which
    trains in seconds and is the first to try, was not measured yet. Of a text past the limit of its base the first window
    is read, of several images the first. Training images are changed as those of `ImageEncoder` are; rows without a text
    or an image have a calibration of their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "joint_encoder.v1"
    capabilities: ClassVar[Capabilities] = TUNES_BOTH
    method = TunedMethod(TEXT_IMAGE, TwoTowerHead("onnx_joint.v1"), LABEL)
