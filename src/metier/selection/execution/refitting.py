"""Training a candidate again on the training and the validation rows: what it takes, and how much of it fits.

A refit makes the passes that were chosen, over more rows, and exports in the precision that was chosen: neither the
search for either nor its checks are repeated. Its clock is its own: that of the first fit was cut for fewer rows.
"""

from dataclasses import dataclass

from metier.runs.run_folder import Entry

# A refit sees more rows and starts cold; better to leave one out than to overdraw the budget.
REFIT_MARGIN = 1.15
# A refit on a part of the rows pays where the part is so much larger than what the candidate has seen.
WORTHWHILE_GROWTH = 1.25


@dataclass(frozen=True)
class RefitCost:
    """What training a candidate again takes.

    Parameters
    ----------
    over_rows : float
        Seconds over all training and validation rows, without a margin.
    fixed : float
        Seconds however many rows there are: the export, and measuring what the answers cost.
    seen : float
        Part of all training and validation rows that the candidate was trained on.
    has_clock : bool
        Whether it can be told when to be done: it needs no margin.
    """

    over_rows: float
    fixed: float
    seen: float = 0.0
    has_clock: bool = False

    @classmethod
    def of(cls, entry: Entry, *, growth: float, measuring: float = 0.0, has_clock: bool = False) -> "RefitCost":
        """Give it from what the first fit took.

        Parameters
        ----------
        growth : float
            Training and validation rows for each training row.
        measuring : float
            Seconds that it took to measure what the answers cost.
        """
        fit = (entry.train_seconds - entry.export_seconds) * _passes_repeated(entry)
        export = entry.export_seconds - entry.facts.get("export", {}).get("choosing_seconds", 0.0)
        return cls(
            fit * growth / entry.fraction, max(0.0, export) + measuring, entry.fraction / growth, has_clock
        )

    def seconds(self, fraction: float = 1.0) -> float:
        """Give the seconds on a part of the rows, with a margin where no clock ends it."""
        return self.over_rows * fraction * (1.0 if self.has_clock else REFIT_MARGIN) + self.fixed

    def fraction(self, left_seconds: float) -> float:
        """Give the part of all rows that a refit on them fits into some seconds; 0 where it is not worth it."""
        if self.seconds() <= left_seconds:
            return 1.0
        over_rows = self.seconds() - self.fixed
        fitting = int(100 * max(0.0, left_seconds - self.fixed) / over_rows) / 100
        return fitting if fitting >= self.seen * WORTHWHILE_GROWTH else 0.0


def _passes_repeated(entry: Entry) -> float:
    """Give the share of the passes over the rows that the choice of the best of them leaves; 1 where none is made."""
    made, chosen = entry.facts.get("epochs"), entry.params.get("stop_epoch")
    return chosen / len(made) if isinstance(made, list) and made and chosen else 1.0
