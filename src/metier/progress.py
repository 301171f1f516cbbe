"""What a long step says while it works.

A step is given a `Listener` and calls it with `Progress` facts; it never prints. The command line draws them,
a test collects them, and `ignore` throws them away. A listener may raise `KeyboardInterrupt`; a step lets it pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """One moment of a long step.

    Parameters
    ----------
    what : str
        The step, in words a user knows: `encoder.v1: fine-tuning`.
    done, total : float
        How far, and of how much, in `unit`; `total` is None when nobody can know.
    facts : mapping of str to float
        What is worth showing beside the bar: `loss`, `validation_accuracy`, `rows_per_second`.
    """

    what: str
    done: float
    total: float | None = None
    unit: str = "rows"
    facts: Mapping[str, float] = field(default_factory=dict)


Listener = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Listen to nothing: the default listener."""
