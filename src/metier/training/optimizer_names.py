"""The optimizers by name, and how their learning rates compare with AdamW's; without torch.

The rate that is chosen where none is set is AdamW's; other rules take steps of other lengths for the same rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

OptimizerName = Literal["adamw", "adafactor", "sgd", "adagrad", "lion"]
OPTIMIZER = (
    "Optimizer: `adamw`, `adafactor` (less memory), `sgd` with momentum, `adagrad` or `lion`; where no learning rate is "
    "set, AdamW's times a factor of its own."
)


@dataclass(frozen=True)
class Factors:
    """How an optimizer differs from AdamW.

    Parameters
    ----------
    rate : float
        What AdamW's learning rate is multiplied by where none is set.
    decay : float
        What the weight decay is multiplied by: it acts by the rate, so that a lower one needs more.
    """

    rate: float = 1.0
    decay: float = 1.0


# So that steps of a small encoder are about as long as AdamW's; docs/fine-tuning.md has what they come to.
FACTORS: Mapping[str, Factors] = {
    "adamw": Factors(),
    "adafactor": Factors(rate=25.0, decay=0.04),
    "sgd": Factors(rate=300.0, decay=0.003),
    "adagrad": Factors(rate=10.0, decay=0.1),
    "lion": Factors(rate=0.3, decay=3.0),
}
