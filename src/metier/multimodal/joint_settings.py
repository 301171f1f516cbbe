"""Settings of methods that learn from a text and an image together; shared settings are declared once."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from metier.tasks.answers.decoder_settings import COVERAGE, HALF_WIDTH, RULE, TEMPERATURE
from metier.tasks.method_settings import MethodSettings

C: Any = Field(
    None,
    gt=0,
    description="Inverse strength of the penalty on standardised numbers; None: chosen on validation.",
)
IMAGE_WEIGHT: Any = Field(
    None,
    gt=0,
    description="How much a standardised number of the image counts against one of the text before anything is learned; "
    "None: chosen on validation.",
)
IMAGE_BASE: Any = Field(
    "auto",
    description="Of the images: a folder in Hugging Face layout, a known short name; `auto` is efficientnet-lite0.",
)
MISSING_SCALES: Any = Field(
    None,
    description="What logits are multiplied by where a row has its `text` alone, and its `image` alone; None: fitted "
    "on validation.",
)


class JointSettings(MethodSettings):
    """Settings of every method on two frozen towers."""

    base: Any = Field(
        "auto",
        description="Of the texts: a folder, a known short name, a hub name; `auto` picks by their language.",
    )
    image_base: Any = IMAGE_BASE
    modality_dropout: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the rows with a text and an image that are learned with one of the two alone as well.",
    )
    missing_scales: Mapping[str, float] | None = MISSING_SCALES
    precision: Literal["auto", "fp32", "int8"] = Field(
        "auto",
        description="Precision of the exported text encoder; `auto`: INT8 where it passes the equivalence check and is "
        "faster.",
    )
    random_state: Any = Field(
        0, description="Seed of the held-out rows, of what is dropped and of a network's start."
    )


class JointLinearSettings(JointSettings):
    """Settings of a logistic regression on both vectors."""

    C: float | None = C
    image_weight: float | None = IMAGE_WEIGHT
    temperature: float | None = TEMPERATURE


class JointLabelSetSettings(JointSettings):
    """Settings of a logistic regression a label on both vectors."""

    C: float | None = C
    image_weight: float | None = IMAGE_WEIGHT
    rule: Mapping[str, list[float]] | None = RULE


class JointRidgeSettings(JointSettings):
    """Settings of a ridge regression on both vectors."""

    penalty: float | None = Field(
        None,
        gt=0,
        description="Strength of the penalty per row, on standardised features; None: by squared error on validation.",
    )
    image_weight: float | None = IMAGE_WEIGHT
    half_width: float | None = HALF_WIDTH
    coverage: float = COVERAGE


class JointNetworkSettings(JointSettings):
    """Settings of a small network on both towers' numbers."""

    epochs: int | None = Field(
        None,
        ge=1,
        description="Passes over the rows; None: until the log-loss on validation stops falling, at most 60.",
    )
    temperature: float | None = TEMPERATURE
