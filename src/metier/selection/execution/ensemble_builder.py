"""What every fusion of a race has in common: members chosen by cost alone, a folder written and measured once."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metier.runs.run_folder import Entry

# The floor knows nothing of the text: as a member it could only dilute.
NEVER_A_MEMBER = frozenset({"majority.v1", "label_frequencies.v1"})
# A stage in front pays only if what it guards is much dearer.
CHEAPER_BY = 3.0


def members_for_average(entries: Sequence[Entry]) -> list[str]:
    """The trained candidates that an average joins, chosen by cost alone: no answer is looked at.

    All that are cheap beside the dearest, and one dear one: a second would double what an answer costs. Of
    those that cost about the same the one that was trained longest is taken, for it learned the most.
    """
    able = [entry for entry in entries if entry.name not in NEVER_A_MEMBER and not entry.members]
    dearest = max(map(mean_ms, able), default=0.0)
    dear = [entry for entry in able if mean_ms(entry) * CHEAPER_BY > dearest]
    longest = max(dear, key=lambda entry: entry.train_seconds, default=None)
    if len(dear) == len(able):  # Nothing is cheap beside the rest: an average of one would be none.
        return [entry.name for entry in able]
    return [entry.name for entry in able if entry not in dear or entry is longest]


def stages_for_cascade(entries: Sequence[Entry]) -> tuple[str, str] | None:
    """The cheap stage and the dear one, chosen by cost alone: no answer is looked at.

    The dear stage is the average where there is one, else the dearest candidate; the cheap one is the first
    in the catalogue that costs a third of it or less. None where there is no such pair.
    """
    useful = [entry for entry in entries if entry.name not in NEVER_A_MEMBER]
    if not useful:
        return None
    big = next((entry for entry in useful if entry.members), max(useful, key=mean_ms))
    for entry in useful:
        if not entry.members and mean_ms(entry) * CHEAPER_BY <= mean_ms(big):
            return entry.name, big.name
    return None


def written(joiner: Any, race: Any, entry: Entry) -> Entry:
    """Write the predictor of a fusion and measure it, unless an interrupted run has done so already."""
    before: Entry | None = race.run.entry(entry.name)
    if before is not None:
        return before
    start = time.perf_counter()
    joiner.write(race)
    entry.train_seconds = time.perf_counter() - start
    measured: Entry = race.measured(entry)
    return measured


def mean_ms(entry: Entry) -> float:
    """Milliseconds that one row takes on average."""
    return float(entry.cost["latency_ms"]["mean"])


def fresh(folder: Path) -> Path:
    """Give a folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
