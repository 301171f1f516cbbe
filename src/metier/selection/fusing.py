"""Joins the trained candidates of a run into averages and cascades, on their validation answers.

Which members and which stages are tried is fixed before anybody looks at an answer, so the certificate of the
cascade pays for one sequence of tests, not for a choice among many.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metier.fusion import (
    AverageFit,
    CascadeCertificate,
    certify_cascade,
    export_average,
    export_cascade,
    fit_average,
)
from metier.selection.run_folder import Entry, RunFolder
from metier.selection.settings import CascadeSettings

# The floor knows nothing of the text: as a member it could only dilute.
NEVER_A_MEMBER = frozenset({"majority.v1"})
# A stage in front pays only if what it guards is much dearer.
CHEAPER_BY = 3.0


def members_for_average(entries: Sequence[Entry]) -> list[str]:
    """The trained candidates that an average joins, chosen by cost alone: no answer is looked at.

    All that are cheap beside the dearest, and one dear one: a second would double what an answer costs. Of
    those that cost about the same the one that was trained longest is taken, for it learned the most.
    """
    able = [entry for entry in entries if entry.name not in NEVER_A_MEMBER and not entry.members]
    dearest = max(map(_mean_ms, able), default=0.0)
    dear = [entry for entry in able if _mean_ms(entry) * CHEAPER_BY > dearest]
    longest = max(dear, key=lambda entry: entry.train_seconds, default=None)
    if len(dear) == len(able):  # Nothing is cheap beside the rest: an average of one would be none.
        return [entry.name for entry in able]
    return [entry.name for entry in able if entry not in dear or entry is longest]


def fit_average_of(run: RunFolder, members: Sequence[str], truth: np.ndarray) -> AverageFit:
    """Fit temperatures and weights on the members' validation answers."""
    return fit_average([run.answers(name, "validation") for name in members], truth)


def stages_for_cascade(entries: Sequence[Entry]) -> tuple[str, str] | None:
    """The cheap stage and the dear one, chosen by cost alone: no answer is looked at.

    The dear stage is the average where there is one, else the dearest candidate; the cheap one is the first
    in the catalogue that costs a third of it or less. None where there is no such pair.
    """
    useful = [entry for entry in entries if entry.name not in NEVER_A_MEMBER]
    if not useful:
        return None
    big = next((entry for entry in useful if entry.members), max(useful, key=_mean_ms))
    for entry in useful:
        if not entry.members and _mean_ms(entry) * CHEAPER_BY <= _mean_ms(big):
            return entry.name, big.name
    return None


def certify(
    run: RunFolder, cheap: str, big: str, truth: np.ndarray, settings: CascadeSettings
) -> CascadeCertificate:
    """Look for a threshold that the validation rows can certify."""
    return certify_cascade(
        run.answers(cheap, "validation"),
        run.answers(big, "validation"),
        truth,
        margin=settings.margin,
        confidence=settings.confidence,
    )


def write_average(run: RunFolder, fit: AverageFit, members: Sequence[str], name: str) -> float:
    """Compose the members' folders into the average's; gives the seconds it took."""
    start = time.perf_counter()
    export_average(fit, [run.candidate(member) for member in members], _fresh(run.candidate(name)), name=name)
    return time.perf_counter() - start


def write_cascade(run: RunFolder, certificate: CascadeCertificate, stages: Sequence[str], name: str) -> float:
    """Compose the stages' folders into the cascade's; gives the seconds it took."""
    start = time.perf_counter()
    export_cascade(
        certificate, [run.candidate(stage) for stage in stages], _fresh(run.candidate(name)), name=name
    )
    return time.perf_counter() - start


def _mean_ms(entry: Entry) -> float:
    return float(entry.cost["latency_ms"]["mean"])


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
