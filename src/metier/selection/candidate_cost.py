"""What a candidate is expected to take, whole or on a part of the rows."""

from dataclasses import dataclass, replace

from metier.tasks.method_contract import TRAINING_OVER_FORWARD

# The machine is shared and the estimate comes from a few batches.
SAFETY = 1.15


@dataclass(frozen=True)
class UpperLayers:
    """The layers of a base that may be trained alone, over outputs of the others that are computed once.

    Parameters
    ----------
    adaptation : str
        How a method is told so: `top:2`.
    share : float
        Of all layers.
    """

    adaptation: str
    share: float


@dataclass(frozen=True)
class CandidateCost:
    """What a candidate is expected to take.

    Parameters
    ----------
    seconds : float
        However many rows it is trained on: loading, exporting, answering.
    memory_bytes : int
        At the peak.
    seconds_per_epoch : float
        For one pass over all training rows; 0 where nothing is repeated.
    seconds_over_rows : float
        Once over all training rows, besides the epochs.
    seconds_measuring : float
        For measuring what its answers cost; an ensemble of which it is a member takes as long again.
    share_learned : float
        Share of the rows that it learns from where it is given all of them, above 0 and at most 1: one that holds its
        rows in memory takes a sample of very many, and a smaller part is cheaper only where it is smaller than that.
    seconds_int8 : float
        For making and checking INT8, where time is not short: what is not trained whole is exported without.
    """

    seconds: float = 0.0
    memory_bytes: int = 0
    seconds_per_epoch: float = 0.0
    seconds_over_rows: float = 0.0
    seconds_int8: float = 0.0
    seconds_measuring: float = 0.0
    share_learned: float = 1.0

    def scaled(self, factor: float) -> "CandidateCost":
        """Give the cost where everything takes so many times as long."""
        return CandidateCost(
            self.seconds * factor,
            self.memory_bytes,
            self.seconds_per_epoch * factor,
            self.seconds_over_rows * factor,
            self.seconds_int8 * factor,
            self.seconds_measuring * factor,
            self.share_learned,
        )

    def beside(self, seconds: float) -> "CandidateCost":
        """Give the cost with so many seconds more, however many rows it is trained on."""
        return replace(self, seconds=self.seconds + seconds)

    def of_upper(self, share: float) -> "CandidateCost":
        """Give the cost of training this share of the layers alone."""
        once = self.seconds_per_epoch * (1 - share) / TRAINING_OVER_FORWARD
        return replace(
            self,
            seconds_per_epoch=self.seconds_per_epoch * share,
            seconds_over_rows=self.seconds_over_rows + once,
        )

    @property
    def repeats(self) -> bool:
        """Whether it makes several passes over the rows."""
        return self.seconds_per_epoch > 0

    def total(self, epochs: int = 0, fraction: float = 1.0) -> float:
        """Give the seconds of a fit on a part of the rows, with the margin of safety on what depends on the rows."""
        of_rows = SAFETY * (self.seconds_over_rows + epochs * self.seconds_per_epoch)
        return self.seconds + min(1.0, fraction / self.share_learned) * of_rows

    def fraction(self, seconds: float, epochs: int = 0) -> float:
        """Give the part of the rows that fits into some seconds: at most 1, and 0 where none does."""
        of_rows = self.total(epochs) - self.seconds
        if not of_rows:
            return float(seconds >= self.seconds)
        found = max(0.0, seconds - self.seconds) / of_rows
        return 1.0 if found >= 1 else found * self.share_learned
