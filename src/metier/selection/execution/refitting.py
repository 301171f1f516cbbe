"""Training a candidate again on the training and the validation rows: what it takes, and how much of it fits.

A refit makes the passes that were chosen, over more rows, and exports in the precision that was chosen: neither the
search for either nor its checks are repeated. Its clock is its own: that of the first fit was cut for fewer rows. A
resumed run goes on with the rows and the clock that a refit was begun with, as its checkpoints are of these.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from metier.runs.run_folder import REMEDY, Entry, RunFolder
from metier.storage import storage_errors, write_text

# A refit sees more rows and starts cold; better to leave one out than to overdraw the budget.
REFIT_MARGIN = 1.15
# A refit on a part of the rows pays where the part is so much larger than what the candidate has seen.
WORTHWHILE_GROWTH = 1.25


# Of a run that is not finished: how what has a clock of its own was begun, by name.
BEGUN_FILE = "begun.json"


@dataclass(frozen=True)
class Begun:
    """How a training was begun.

    Parameters
    ----------
    minutes : float
        Its clock, the seconds before an interruption included.
    fraction : float
        Of the rows.
    """

    minutes: float
    fraction: float = 1.0

    @classmethod
    def of(cls, run: RunFolder, name: str) -> "Begun | None":
        """Give how a training was begun by a process that did not end it; None where it was not."""
        kept = _kept(run).get(name)
        return None if kept is None else cls(**kept)

    def keep(self, run: RunFolder, name: str) -> "Begun":
        """Keep it for a resumed run, until this one is finished, and give it."""
        path = _path(run)
        with storage_errors(path, remedy=REMEDY):
            path.parent.mkdir(exist_ok=True)
            write_text(path, json.dumps(_kept(run) | {name: asdict(self)}), remedy=REMEDY)
        return self


def _kept(run: RunFolder) -> dict[str, dict[str, float]]:
    return run.read_json(_path(run).relative_to(run.path)) or {}


def _path(run: RunFolder) -> Path:
    return run.checkpoint(BEGUN_FILE)


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
