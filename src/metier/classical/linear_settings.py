"""Settings of the linear methods; shared settings are declared once."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from metier.tasks.answers.decoder_settings import COVERAGE, HALF_WIDTH, ORDER, RULE, TEMPERATURE
from metier.tasks.method_settings import MethodSettings

STRENGTH: Any = Field(None, gt=0, description="Inverse strength of the penalty; None: chosen with the model.")
MOST_NGRAMS: Any = Field(250_000, ge=1, description="Size of the vocabulary.")
RANDOM_STATE: Any = Field(0, description="Seed of the held-out rows and of the solver.")
SvcOrLogisticModel = Literal["svc", "logistic"]


class TfidfLinearSettings(MethodSettings):
    """Settings of a linear classifier over n-grams."""

    model: Literal["svc", "logistic", "naive_bayes"] | None = Field(
        None,
        description="Linear support vector machine (one against the rest, squared hinge), logistic regression or "
        "complement naive Bayes; None: whichever of the first two is better on validation, by accuracy and then by "
        "log-loss, and naive Bayes for thousands of labels of few rows each.",
    )
    C: float | None = Field(
        None,
        gt=0,
        description="Inverse strength of the penalty; None: chosen with the model. The more rows, labels and n-grams "
        "there are, the fewer pairs of model and C are tried; from about 12,000 short texts of 77 labels on it is "
        "one pair, the usual winner.",
    )
    temperature: float | None = TEMPERATURE
    most_ngrams: int = Field(
        250_000,
        ge=1,
        description="Size of the vocabulary; less where there are many labels, so that the weights stay under 160 MB.",
    )
    random_state: Any = RANDOM_STATE


class ManyLabelsLinearSettings(MethodSettings):
    """Settings of a linear classifier a label."""

    model: SvcOrLogisticModel | None = Field(
        None,
        description="Linear support vector machine or logistic regression; None: whichever has the higher micro-F1 on "
        "validation.",
    )
    C: float | None = STRENGTH
    rule: Mapping[str, Sequence[float]] | None = RULE
    most_ngrams: int = MOST_NGRAMS
    random_state: Any = RANDOM_STATE


class OrdinalLogisticSettings(MethodSettings):
    """Settings of a logistic regression a step between grades."""

    order: Sequence[str] | None = ORDER
    model: Literal["shared", "separate"] | None = Field(
        None, description="None: whichever has the lower log-loss on validation."
    )
    C: float | None = STRENGTH
    temperature: float | None = TEMPERATURE
    most_ngrams: int = MOST_NGRAMS
    random_state: Any = RANDOM_STATE


class RidgeSettings(MethodSettings):
    """Settings of a ridge regression."""

    alpha: float | None = Field(
        None, gt=0, description="Strength of the penalty; None: chosen by squared error on validation."
    )
    half_width: float | None = HALF_WIDTH
    coverage: float = COVERAGE
    most_ngrams: int = MOST_NGRAMS
    random_state: Any = RANDOM_STATE


class PairLinearSettings(MethodSettings):
    """Settings of a logistic regression over what two texts share."""

    C: float | None = Field(
        None,
        gt=0,
        description="Inverse strength of the penalty on standardised numbers; None: chosen by log-loss on held-out "
        "pairs.",
    )
    temperature: float | None = TEMPERATURE
    most_ngrams: int = Field(100_000, ge=1, description="Size of the vocabulary.")
    random_state: Any = RANDOM_STATE


class RelationLinearSettings(MethodSettings):
    """Settings of a linear classifier over what stands around two entities."""

    model: SvcOrLogisticModel | None = Field(
        None, description="None: whichever is better on validation, by accuracy and then by log-loss."
    )
    C: float | None = STRENGTH
    temperature: float | None = TEMPERATURE
    most_features: int = Field(
        250_000,
        ge=1,
        description="The features that stand in the most rows are kept; fewer where there are many labels, so that the "
        "weights stay under 160 MB.",
    )
    random_state: Any = RANDOM_STATE
