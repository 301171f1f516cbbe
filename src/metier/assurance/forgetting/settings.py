"""How much may be lost: settings of the forgetting gate, the entry `forgetting` of a policy."""

from typing import Literal

from pydantic import BaseModel, Field

BLOCKS, PASSES = "blocks", "passes"


class ForgettingSettings(BaseModel, frozen=True, extra="forbid"):
    """A fall is tolerated up to these shares of the rows, 0 to 1; what is shown to fall less passes."""

    all: float = Field(default=0.01, gt=0, lt=1, description="Of all rows.")
    labels: float = Field(default=0.1, gt=0, lt=1, description="Of the rows of a label.")
    slices: float = Field(
        default=0.05, gt=0, lt=1, description="Of a language, a length or a value of a column."
    )
    behaviour: float = Field(default=0.05, gt=0, lt=1, description="Of the cases of a behaviour.")
    least_rows: int = Field(
        default=10,
        ge=1,
        description="Rows or cases from which an item is judged; of fewer it is said that it is not.",
    )
    edits: bool = Field(default=True, description="Whether edited questions are asked.")
    cannot_tell: Literal["blocks", "passes"] = Field(
        default="blocks",
        description="Labels, slices and behaviours of which the rows cannot tell; all rows always block.",
    )
    renamed: dict[str, str] = Field(
        default_factory=dict,
        description="Labels of the old bundle that have another name, or are one with another, now.",
    )
