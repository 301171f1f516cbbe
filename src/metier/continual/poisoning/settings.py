"""What of feedback is held back: settings, each with what it costs those who mean well."""

from pydantic import BaseModel, Field


class PoisoningSettings(BaseModel, frozen=True, extra="forbid"):
    """Settings of the tests that corrections must pass before a model learns them."""

    corrections_per_day: int = Field(
        default=500, ge=1, description="Corrections of one key that are learned within 24 hours."
    )
    outlier_fraction: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share, 0 to 1, of true corrections that the test of single rows may hold back by mistake; 0: none.",
    )
    wrong_fraction: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Share, 0 to 1, of a key's corrections that may be wrong by mistake before the key is held back.",
    )
    false_alarms: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Share, 0 to 1, of the keys that are held back which mean well; and probability of a wrong alarm over "
        "all pairs of labels.",
    )
    influence_fraction: float = Field(
        default=0.25,
        gt=0,
        description="Corrections to one label that a key may add, as a share of the rows that the label has already.",
    )
    least_influence: int = Field(
        default=5, ge=1, description="Corrections to one label that a key may always add."
    )
