"""Settings of methods that stand on a frozen base; shared settings are declared once."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from metier.tasks.answers.decoder_settings import (
    CALIBRATION,
    COVERAGE,
    HALF_WIDTH,
    ORDER,
    OUTSIDE_BIAS,
    RULE,
    TEMPERATURE,
)
from metier.tasks.method_settings import MethodSettings

BASE: Any = Field(
    "auto", description="A folder, a known short name, a hub name; `auto` picks by the language of the texts."
)
PRECISION: Any = Field(
    "auto",
    description="Precision of the exported encoder; `auto`: INT8 where it passes the equivalence check and is faster.",
)
C: Any = Field(
    None,
    gt=0,
    description="Inverse strength of the penalty on standardised numbers; None: chosen on validation.",
)
RANDOM_STATE: Any = Field(0, description="Seed of the held-out rows.")
PENALTY: Any = Field(
    None,
    gt=0,
    description="Strength of the penalty per row, on standardised features; None: by squared error on validation.",
)
TASK: Any = Field("classification", description="What is answered, as `--task` takes it; a run says it.")
Precision = Literal["auto", "fp32", "int8"]


class FrozenSettings(MethodSettings):
    """Settings of every method that exports a frozen base under a fitted head."""

    base: Any = BASE
    precision: Precision = PRECISION
    random_state: Any = RANDOM_STATE


class FrozenLinearSettings(FrozenSettings):
    """Settings of a logistic regression on vectors."""

    C: float | None = C
    temperature: float | None = TEMPERATURE


class FrozenManyLabelsSettings(FrozenSettings):
    """Settings of a logistic regression a label."""

    C: float | None = C
    rule: Mapping[str, list[float]] | None = RULE


class FrozenRidgeSettings(FrozenSettings):
    """Settings of a ridge regression on vectors."""

    penalty: float | None = PENALTY
    half_width: float | None = HALF_WIDTH
    coverage: float = COVERAGE


class StaticSettings(MethodSettings):
    """Settings of a logistic regression on static vectors."""

    base: Any = BASE
    C: float | None = C
    temperature: float | None = TEMPERATURE
    random_state: Any = RANDOM_STATE


class ZeroShotSettings(MethodSettings):
    """Settings of labels that are described instead of learned."""

    task: str = TASK
    descriptions: Any = Field(
        None,
        description="Mapping from each label to one or more sentences that describe it, or the path of a "
        "JSON file with such a mapping. A label without one, and every label where this is None, is "
        "described by its name, underscores as spaces. Those of relations name the entities as {head} and {tail}.",
    )
    base: Any = BASE
    temperature: float | None = Field(
        None,
        gt=0,
        description="Softmax temperature: similarities are divided by it; None: fitted on labelled rows if "
        "there are any.",
    )
    precision: Precision = PRECISION
    order: Any = ORDER
    match_label: str | None = Field(
        None, description="Of pairs: the label of texts that belong together; None: found by its name."
    )
    negative_label: str | None = Field(
        None, description="Of relations: the label that means that there is none; None: found by its name."
    )
    outside_bias: float | None = OUTSIDE_BIAS
    calibration: tuple[float, float] | None = CALIBRATION
    rule: Mapping[str, list[float]] | None = RULE


class FewShotSettings(FrozenLinearSettings):
    """Settings of a logistic regression that learns the names of labels, and perhaps tunes the encoder first."""

    task: str = TASK
    steps: int | None = Field(
        0,
        ge=0,
        description="Steps of contrastive tuning, each on 64 rows; 0 leaves the encoder frozen; None: 0 or "
        "40, by log-loss on held-out rows, for a dozen times the training.",
    )
    learning_rate: float = Field(
        1e-4,
        gt=0,
        description="Peak learning rate of the uppermost layer; each layer below learns at 0.9 times the "
        "rate of the one above.",
    )
    contrast_temperature: float = Field(
        0.1, gt=0, description="Temperature of the contrastive loss: cosines are divided by it."
    )
    label_names: bool = Field(
        True,
        description="Whether the names of labels are used as training rows; names that are not words never are.",
    )
    penalty: float | None = PENALTY
    half_width: float | None = HALF_WIDTH
    coverage: float = COVERAGE
    rule: Mapping[str, list[float]] | None = RULE
    outside_bias: float | None = OUTSIDE_BIAS
    calibration: tuple[float, float] | None = CALIBRATION


class SelfTrainingSettings(FrozenLinearSettings):
    """Settings of a logistic regression that learns from unlabelled texts too."""

    unlabelled: Any = Field(None, description="Unlabelled texts of the same kind.")
    confidence: float = Field(0.6, ge=0, le=1, description="Least probability of a pseudo-label.")
    growth: float = Field(
        2.0,
        gt=0,
        description="In the first round a label gets at most this many pseudo-labelled rows per labelled row; twice "
        "as many in each round after it.",
    )
    rounds: int = Field(3, ge=1, description="Rounds of self-training.")


class FrozenSearchSettings(MethodSettings):
    """Settings of a search by the vectors of a frozen base."""

    collection: Any = Field(
        None, description="The texts to search in; None: the training texts, by their targets."
    )
    base: Any = BASE
    top: int = Field(10, ge=1, description="Most results per query.")
    precision: Precision = PRECISION


class SentenceRankerSettings(FrozenSettings):
    """Settings of a choice of sentences."""

    unit: Literal["auto", "sentence", "clause"] = Field(
        "auto",
        description="What is extracted; `auto` also tries clauses for Chinese texts and keeps what is "
        "better on validation.",
    )
    n_pieces: int | None = Field(
        None, ge=1, description="Pieces in a summary; None: 1 to 3, by ROUGE-L on validation."
    )
    penalty: float | None = Field(
        None,
        gt=0,
        description="Strength of the penalty per piece, on standardised features; None: by ROUGE-L on validation.",
    )
