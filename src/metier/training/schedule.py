"""Learning-rate schedule: warm-up, then linear decay to zero at the last step or at the time limit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then linear decay.

    Parameters
    ----------
    total_steps : int
        Steps the run would take without a clock.
    warmup_fraction : float
        Share of the run in which the rate rises, 0 to 1.
    time_limit_seconds : float or None
        When the run has to be over.
    """

    total_steps: int
    warmup_fraction: float
    time_limit_seconds: float | None = None

    def progress(self, *, step: int, seconds: float) -> float:
        """How far the run is, 0 to 1: by steps or by the clock, whichever is further.

        On a machine slower than planned the clock takes over, so the rate still reaches zero when the time is
        up, which is where most of the quality of a decay comes from.
        """
        by_steps = step / max(self.total_steps, 1)
        by_clock = seconds / self.time_limit_seconds if self.time_limit_seconds else 0.0
        return min(max(by_steps, by_clock), 1.0)

    def factor(self, progress: float) -> float:
        """What the learning rate is multiplied by, 0 to 1."""
        if progress < self.warmup_fraction:
            # Never zero: the first step of a run has progress 0 and would be lost.
            return max(progress / self.warmup_fraction, 1 / (1 + self.warmup_fraction * self.total_steps), 0.0)
        return (1 - progress) / (1 - self.warmup_fraction)
