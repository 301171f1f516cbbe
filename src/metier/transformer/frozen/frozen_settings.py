"""Settings of methods that stand on a frozen base; what several of them have is declared once."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from metier.tasks.method_settings import MethodSettings

BASE: Any = Field(
    "auto", description="A folder, a known short name, a hub name; `auto` picks by the language of the texts."
)
PRECISION: Any = Field(
    "auto",
    description="Of the exported encoder; `auto` keeps INT8 only where it is proved equal and measured faster.",
)
C: Any = Field(
    None,
    gt=0,
    description="Inverse strength of the penalty on standardised numbers; None: chosen on validation.",
)
TEMPERATURE: Any = Field(
    None, gt=0, description="What logits are divided by before the softmax; None: fitted on validation."
)
RANDOM_STATE: Any = Field(0, description="Of the rows that are held out.")
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
    rule: Mapping[str, list[float]] | None = Field(
        None,
        description="Slope and offset of each label's sigmoid, and from which probability on it is answered; "
        "None: fitted on validation.",
    )


class FrozenRidgeSettings(FrozenSettings):
    """Settings of a ridge regression on vectors."""

    penalty: float | None = Field(
        None,
        gt=0,
        description="Strength of the penalty a row, on standardised numbers; None: by squared error on validation.",
    )
    half_width: float | None = Field(
        None,
        ge=0,
        description="Half the width of an answer's interval, in units of the score; None: from errors on validation.",
    )
    coverage: float = Field(
        0.9, gt=0, lt=1, description="Share of answers whose truth is to lie in the interval."
    )


class StaticSettings(MethodSettings):
    """Settings of a logistic regression on static vectors."""

    base: Any = BASE
    C: float | None = C
    temperature: float | None = TEMPERATURE
    random_state: Any = RANDOM_STATE


class ZeroShotSettings(MethodSettings):
    """Settings of labels that are described instead of learned."""

    descriptions: Any = Field(
        None,
        description="From label to a sentence that describes it, or to several; a path leads to a JSON file with such a "
        "mapping. A label without one, and every label where this is None, is described by its name, underscores as "
        "spaces.",
    )
    base: Any = BASE
    temperature: float | None = Field(
        None,
        gt=0,
        description="What similarities are divided by before the softmax; None: fitted on labelled rows where there are "
        "some.",
    )
    precision: Precision = PRECISION


class FewShotSettings(FrozenLinearSettings):
    """Settings of a logistic regression that learns the names of labels, and perhaps tunes the encoder first."""

    steps: int | None = Field(
        0,
        ge=0,
        description="Of contrastive tuning, each on 64 rows; 0 leaves the encoder frozen; None: 0 or 40, by log-loss on "
        "held-out rows, for a dozen times the training.",
    )
    learning_rate: float = Field(
        1e-4,
        gt=0,
        description="Of the uppermost layer at its peak; each layer below learns at 0.9 times the rate of the one above.",
    )
    contrast_temperature: float = Field(
        0.1, gt=0, description="What cosines are divided by while the encoder is tuned."
    )
    label_names: bool = Field(
        True, description="Whether names of labels are learned as rows; names that are no words never are."
    )


class SelfTrainingSettings(FrozenLinearSettings):
    """Settings of a logistic regression that learns from unlabelled texts too."""

    unlabelled: Any = Field(None, description="Texts of the same kind without labels.")
    confidence: float = Field(
        0.6, ge=0, le=1, description="Least probability of a label that is taken for a pseudo-label."
    )
    growth: float = Field(
        2.0,
        gt=0,
        description="In the first round a label gets at most so many unlabelled rows for each labelled one; twice as many "
        "in each round after it.",
    )
    rounds: int = Field(3, ge=1, description="Times that it learns from pseudo-labels.")


class FrozenSearchSettings(MethodSettings):
    """Settings of a search by the vectors of a frozen base."""

    collection: Any = Field(
        None, description="What is searched; None: the texts that are learned from, by their targets."
    )
    base: Any = BASE
    top: int = Field(10, ge=1, description="Most matches in an answer.")
    precision: Precision = PRECISION


class SentenceRankerSettings(FrozenSettings):
    """Settings of a choice of sentences."""

    unit: Literal["auto", "sentence", "clause"] = Field(
        "auto",
        description="What is chosen; `auto` tries clauses too where texts are Chinese, and keeps what is better on "
        "validation.",
    )
    n_pieces: int | None = Field(
        None, ge=1, description="Of a summary; None: 1 to 3, by ROUGE-L on validation."
    )
    penalty: float | None = Field(
        None,
        gt=0,
        description="Strength of the penalty a piece, on standardised numbers; None: by ROUGE-L on validation.",
    )
