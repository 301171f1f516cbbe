"""Progress reports of long steps.

A step calls a `Listener` with `Progress` values; it never prints. The command line draws them, a test collects
them, and `ignore` discards them. A listener may raise `KeyboardInterrupt`; a step does not catch it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """Progress of a long step at one moment.

    Parameters
    ----------
    what : str
        The step, in words a user knows: `encoder.v1: fine-tuning`.
    done, total : float
        Work done and total work, in `unit`; `total` is None when it is unknown.
    facts : mapping of str to float
        Values to show beside the bar: `loss`, `validation_accuracy`, `rows_per_second`.
    """

    what: str
    done: float
    total: float | None = None
    unit: str = "rows"
    facts: Mapping[str, float] = field(default_factory=dict)


Listener = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Discard the progress: the default listener."""
