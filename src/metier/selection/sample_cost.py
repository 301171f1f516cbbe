"""What a fit on all rows takes, by fits on samples of them: what grew from one to the next grows on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metier.selection.candidate_cost import CandidateCost
from metier.tasks.method_contract import Method, TriesByWork


@dataclass(frozen=True)
class Sample:
    """A fit on some of the rows.

    Parameters
    ----------
    work : float
        See `work_of`.
    seconds : float
    memory_bytes, before_bytes : int
        Of the process, after and before it.
    seconds_per_answer : float
        Of its model.
    n_labels : int
        Of the rows, where each has one.
    """

    work: float
    seconds: float
    memory_bytes: int
    before_bytes: int
    seconds_per_answer: float = 0.0
    n_labels: int = 0


def work_of(targets: Sequence[Any], method: Method | None = None) -> float:
    """Give what the cost of a fit grows with: rows, times labels where each row has one (one model a label)."""
    is_at_once = isinstance(method, TriesByWork) and not method.fits_each_label
    return float(len(targets)) if is_at_once else float(len(targets) * max(1, n_labels_of(targets)))


def n_labels_of(targets: Sequence[Any]) -> int:
    """How many labels there are; 0 where a row does not have one."""
    return len(set(targets)) if all(isinstance(target, str) for target in targets) else 0


def seconds_per_answer(samples: Sequence[Sample], n_labels: int) -> float:
    """Give the seconds of an answer of a model of so many labels: what grew from one sample to the other grows on.

    Examples
    --------
    >>> seconds_per_answer([Sample(200, 1.2, 0, 0, 0.001, 100), Sample(800, 1.8, 0, 0, 0.002, 300)], 1_100)
    0.006
    """
    first, last = samples[0], samples[-1]
    more = n_labels - last.n_labels
    if last.n_labels <= first.n_labels or more <= 0:
        return last.seconds_per_answer
    grown = max(0.0, last.seconds_per_answer - first.seconds_per_answer)
    return round(last.seconds_per_answer + grown * more / (last.n_labels - first.n_labels), 6)


def cost_of_all(samples: Sequence[Sample], work: float, *, power: float = 0.0) -> CandidateCost:
    """Give the cost of a fit on all rows from those on samples: a fixed part, and one that grows with the work.

    Parameters
    ----------
    work : float
        See `work_of`.
    power : float
        Each unit of work costs more by this power of how many times as much work it is as the last sample.

    Examples
    --------
    >>> cost = cost_of_all([Sample(200, 1.2, 0, 0), Sample(800, 1.8, 0, 0)], 10_000)
    >>> cost.seconds, cost.seconds_over_rows
    (1.0, 10.0)
    """
    last = samples[-1]
    slope, fixed = last.seconds / last.work, 0.0
    before = samples[-2] if len(samples) > 1 else last
    if last.work > before.work:
        slope = max(0.0, last.seconds - before.seconds) / (last.work - before.work)
        fixed = max(0.0, last.seconds - slope * last.work)
    grown = max(0, last.memory_bytes - last.before_bytes) * work / last.work
    slope *= max(1.0, work / last.work) ** power
    return CandidateCost(round(fixed, 6), last.memory_bytes + int(grown), 0.0, round(slope * work, 6))
