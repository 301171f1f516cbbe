"""Which precision of a graph is shipped: INT8 where it passes the equivalence check against fp32 and is faster.

INT8 is a quarter of the size and about twice as fast where the processor multiplies bytes (VNNI), but it moves
every logit a little. It is kept only if the paired test on the validation rows rules out that it loses half a point
of accuracy or more, if it flips at most one answer in a hundred, and if it is measured faster here. What was
measured goes into `predictor.json`.
"""

import functools
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.errors import SettingsError
from metier.evaluation.certification import Equivalence, equivalent, net_loss_upper_bound, rows_to_certify
from metier.machine import describe_machine
from metier.tasks.answers.kind import as_lists

PRECISIONS = ("auto", "fp32", "int8")
MARGIN = 0.005  # Accuracy that INT8 may cost, as a fraction.
MOST_FLIPPED_FRACTION = 0.01  # Of the rows: correct under one precision and wrong under the other.
MOST_CHECKED_ROWS = 4_000  # More rows than this prove nothing new and take minutes.
SEARCHED_ANSWERS = 2_500
# Of typical rows: what INT8 may answer otherwise than fp32 where no labels are left to prove it equal. Graphs that passed
# the check differ in about one row of a hundred; one that rounding spoiled differs in tens.
MOST_DISAGREEING_FRACTION = 0.05
TIMED_ROWS = 40
ROUNDS = 4  # Of each precision, in turn, so that a busy moment hits both.

# Makes the predictor that answers from a graph: (graph, precision, threads) -> predictor.
Build = Callable[[Path, str, int], Any]


@dataclass(frozen=True)
class ExportReport:
    """What was measured of the two precisions, and which one was kept.

    Parameters
    ----------
    chosen : {"fp32", "int8"}
        The precision of `model.onnx`.
    why : str
        In one sentence.
    size_bytes : dict
        Of each graph that was written.
    instruction_sets : tuple of str
        Of the processor that this was measured on; another one may say otherwise.
    rows : int
        Validation rows that both precisions answered.
    rows_needed : int or None
        Validation rows from which on INT8 could be proved equal, where there were too few of them.
    flips : int or None
        Rows that are correct under one and wrong under the other.
    equivalence : dict or None
        Accuracy of INT8 minus that of fp32, its interval, the margin and the verdict.
    disagreement : float or None
        Share of typical rows that both answer otherwise, where INT8 was chosen before and no labels are left.
    latency_ms : dict
        Median time of one row on one thread, of each precision that was measured.
    choosing_seconds : float
        That went into the choice: an export whose precision is set does not spend them again.
    """

    chosen: str
    why: str
    size_bytes: dict[str, int]
    instruction_sets: tuple[str, ...]
    rows: int = 0
    rows_needed: int | None = None
    flips: int | None = None
    equivalence: dict[str, Any] | None = None
    disagreement: float | None = None
    latency_ms: dict[str, float] = field(default_factory=dict)
    choosing_seconds: float = 0.0


@dataclass(frozen=True)
class EquivalenceCheck:
    """Rows on which INT8 has to prove itself equal.

    Parameters
    ----------
    items : sequence
        Validation rows, as the predictor takes them.
    is_correct : callable
        From the predictor's answers to all of them to a bool array of shape (n_rows,).
    """

    items: Sequence[Any]
    is_correct: Callable[[Any], np.ndarray]

    @property
    def can_prove(self) -> bool:
        """Whether so many rows could show equality at all."""
        return can_prove_equal(len(self.items))

    @classmethod
    def on_rows(cls, items: Sequence[Any], is_correct: Callable[[Any, np.ndarray], np.ndarray]) -> Self:
        """Make it of validation rows; `is_correct` gets answers and the positions of the rows they are of."""
        some = checked_rows(len(items))
        return cls([items[position] for position in some], lambda answers: is_correct(answers, some))

    @classmethod
    def of_labels(cls, items: Sequence[Any], truth: np.ndarray) -> Self:
        """Make it of validation rows and the numbers of their labels."""
        return cls.on_rows(items, lambda answers, some: np.asarray(answers.best == truth[some]))

    @classmethod
    def of(cls, answer: Any, examples: Any) -> Self:
        """Make it of a kind of answers and validation rows; of more than enough rows some are drawn."""
        some = examples.take(checked_rows(len(examples)))
        return cls(some.items, lambda answers: answer.is_correct(answers, some))


def can_prove_equal(n_rows: int) -> bool:
    """Whether so many validation rows could show that INT8 is equal: even without a flip 598 are too few."""
    return net_loss_upper_bound(0, 0, min(n_rows, MOST_CHECKED_ROWS)) < MARGIN


@functools.cache
def fewest_to_prove_equal() -> int:
    """Give the fewest validation rows that can show that INT8 is equal: where not one answer flips."""
    return next(n_rows for n_rows in itertools.count(rows_to_certify(MARGIN)) if can_prove_equal(n_rows))


def int8_answers(n_rows: int) -> int:
    """Give how many answers the making and checking of INT8 costs as much time as: 0 where it cannot be proved equal.

    The search for scales takes as long as some 2,500 answers (23 s in all were measured for a base of 22 million weights
    that answers in 5 ms), and the validation rows are answered in both precisions.
    """
    return SEARCHED_ANSWERS + 2 * min(n_rows, MOST_CHECKED_ROWS) if can_prove_equal(n_rows) else 0


def checked_rows(n_rows: int) -> np.ndarray:
    """Give the positions of the rows that INT8 is checked on: all, or evenly drawn ones, since files are often sorted."""
    return np.linspace(0, n_rows - 1, min(n_rows, MOST_CHECKED_ROWS)).astype(np.int64)


def check_precision(precision: str) -> None:
    """Refuse a precision that does not exist."""
    if precision not in PRECISIONS:
        raise SettingsError([f"precision is {precision!r}, expected one of {', '.join(PRECISIONS)}"])


def choose_precision(
    graphs: Mapping[str, Path],
    build: Build,
    precision: str,
    check: EquivalenceCheck | None,
    *,
    typical: Sequence[Any] = (),
) -> ExportReport:
    """Say which of the graphs that were written is shipped, and why.

    Parameters
    ----------
    graphs : mapping of str to Path
        Where the graph of each precision is, if it was written; INT8 is asked for only where it can be proved.
    precision : {"auto", "fp32", "int8"}
        `fp32` is kept without a comparison, and `int8` unless it answers typical rows otherwise.
    check : EquivalenceCheck, optional
        Without it `auto` keeps fp32.
    typical : sequence
        Rows without labels, as the predictor takes them.
    """
    sizes = {kind: path.stat().st_size for kind, path in graphs.items() if path.exists()}
    machine = describe_machine()
    if precision == "int8" and len(typical):
        chosen, why, disagreement = _without_labels(graphs, build, typical, threads=machine.cores)
        return ExportReport(chosen, why, sizes, machine.instruction_sets, disagreement=disagreement)
    if precision != "auto":
        return ExportReport(precision, f"{precision} was asked for", sizes, machine.instruction_sets)
    if check is None:
        return _kept_unproved(0, sizes, machine.instruction_sets)
    n_rows = len(check.items)
    if not check.can_prove:
        return _kept_unproved(n_rows, sizes, machine.instruction_sets)
    correct = {
        kind: check.is_correct(build(path, kind, machine.cores).predict(check.items)).astype(np.int64)
        for kind, path in graphs.items()
    }
    equality = equivalent(np.ones(n_rows, np.int64), correct["int8"], correct["fp32"], margin=MARGIN)
    latency = _measure({kind: build(path, kind, 1) for kind, path in graphs.items()}, check.items)
    chosen, why = _verdict(equality, n_rows, latency["fp32"] / latency["int8"])
    return ExportReport(
        chosen,
        why,
        sizes,
        machine.instruction_sets,
        rows=n_rows,
        flips=equality.flips,
        equivalence=asdict(equality),
        latency_ms=latency,
    )


def _without_labels(
    graphs: Mapping[str, Path], build: Build, typical: Sequence[Any], *, threads: int
) -> tuple[str, str, float | None]:
    """Keep INT8 unless it answers typical rows otherwise; gives the precision, why, and the share of those rows."""
    asked = "int8 was asked for"
    answers = {
        kind: list(build(path, kind, threads).predict(typical).predicted) for kind, path in graphs.items()
    }
    if any(isinstance(answer, float) for answer in answers["fp32"]):  # No two graphs give the same score.
        return "int8", asked, None
    pairs = zip(answers["fp32"], answers["int8"], strict=True)
    differing = sum(bool(as_lists(one) != as_lists(other)) for one, other in pairs)
    if differing > MOST_DISAGREEING_FRACTION * len(typical):
        why = f"INT8 answers {differing} of {len(typical)} typical rows otherwise than fp32"
        return "fp32", why, differing / len(typical)
    return "int8", asked, differing / len(typical)


def _kept_unproved(n_rows: int, sizes: dict[str, int], instruction_sets: tuple[str, ...]) -> ExportReport:
    needed = fewest_to_prove_equal()
    return ExportReport("fp32", _cannot_prove(n_rows), sizes, instruction_sets, rows=n_rows, rows_needed=needed)


def _cannot_prove(n_rows: int) -> str:
    found = (
        "this training was given none" if n_rows == 0 else f"there {'is' if n_rows == 1 else 'are'} {n_rows:,}"
    )
    return (
        f"INT8 is kept where validation rows prove it equal to fp32 within {MARGIN * 100:g} points: {found}, and "
        f"{fewest_to_prove_equal():,} are needed"
    )


def _too_few(n_rows: int) -> str:
    return f"{n_rows} rows cannot rule out that INT8 loses more than {MARGIN * 100:g} points"


def _verdict(equality: Equivalence, n_rows: int, ratio: float) -> tuple[str, str]:
    if equality.low <= -MARGIN:
        return "fp32", _too_few(n_rows)
    if equality.flips > MOST_FLIPPED_FRACTION * n_rows:
        return "fp32", f"INT8 flips {equality.flips} of {n_rows} answers between right and wrong"
    if ratio <= 1:
        return "fp32", f"INT8 is not faster here: {ratio:.2f} times the speed of fp32"
    return (
        "int8",
        f"INT8 passed the equivalence check: it loses at most {MARGIN * 100:g} points, {ratio:.1f} times as fast",
    )


def _measure(predictors: Mapping[str, Any], items: Sequence[Any]) -> dict[str, float]:
    medians: dict[str, list[float]] = {kind: [] for kind in predictors}
    timed = evenly(items, TIMED_ROWS)
    for _ in range(ROUNDS):
        for kind, predictor in predictors.items():
            times = []
            for item in timed:
                start = time.perf_counter()
                predictor.predict([item])
                times.append(time.perf_counter() - start)
            medians[kind].append(float(np.median(times)))
    # The best round is the one that other programs disturbed least.
    return {kind: round(min(values) * 1000, 3) for kind, values in medians.items()}


def evenly(rows: Sequence[Any], most: int) -> list[Any]:
    """Give at most so many of the rows, evenly: files are often sorted by label."""
    return [rows[position] for position in np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
