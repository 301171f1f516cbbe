"""Pretrained bases compared before anything is trained: which one the methods of a run are to stand on.

All bases are probed on few training rows first, see `base_probe`. Those that the paired test shows to be worse are dropped,
and the others are probed on more rows while there is time (successive halving [1]_, with a test in place of the half). Of
those that are left the cheapest is taken that is close to the best, by the rule that candidates are recommended by.
Validation and test rows are not looked at.

References
----------
.. [1] Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016.
"""

import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from metier.bases.known_bases import described_base
from metier.data.rows import Rows
from metier.data.strata import part_of
from metier.errors import BaseModelError, MetierError
from metier.evaluation import higher_is_better, is_fraction
from metier.evaluation.measure_table import metric_name
from metier.figures import count_of
from metier.progress import Listener, Progress
from metier.selection.base_probe import Probe, ProbeAnswers, probe_for
from metier.selection.candidates import CandidateBuilder
from metier.selection.recommendation import Answered, Evidence, Recommendation, recommend

# Training rows of each round, and the part of the budget that all of them may take. Writers read every token of a row, and
# their bits differ from row to row less than right and wrong do.
ROUNDS, ROUNDS_OF_WRITERS = (300, 1_000, 3_000), (20, 60, 200)
BUDGET_FRACTION = 0.15
TAKEN = "taken"


@dataclass(frozen=True)
class Probed:
    """One base, as far as it was probed.

    Parameters
    ----------
    name : str
    languages : tuple of str
        That it reads; `("*",)` for many.
    size_bytes : int
        Of its weights.
    ms_per_row : float or None
        Of one answer of the probe; None where it could not be probed.
    rows : int
        Rows that it answered in its last round.
    value, low, high : float or None
        Its score there, with a 95 % interval.
    why : str
        What became of it.
    """

    name: str
    languages: tuple[str, ...]
    size_bytes: int
    ms_per_row: float | None = None
    rows: int = 0
    value: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""


@dataclass(frozen=True)
class BaseChoice:
    """Which base was taken, and the evidence.

    Parameters
    ----------
    does : str
        What its methods do: reads, sees or writes.
    chosen : str
    method : str
        The probe.
    metric : str
    seconds : float
        That the comparison took.
    bases : tuple of Probed
        Those that got furthest first, and of these the best.
    """

    does: str
    chosen: str
    method: str
    metric: str
    seconds: float
    bases: tuple[Probed, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The choice with its figures, and what became of the others, for the lines that are printed."""
        own = next(one for one in self.bases if one.name == self.chosen)
        scale = 100 if is_fraction(self.metric) else 1
        value, low, high = (f"{scale * (number or 0.0):.3g}" for number in (own.value, own.low, own.high))
        unit = " %" if scale == 100 else ""
        taken = (
            f"base   {own.name}: {metric_name(self.metric)} {value}{unit} [{low}, {high}] in a probe "
            f"by {self.method} on {count_of(own.rows, 'training row')}, {own.ms_per_row:.2g} ms a row (--base NAME)"
        )
        return (taken, *(one.why for one in self.bases if one.name != self.chosen))

    def as_dict(self) -> dict[str, Any]:
        """The facts for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> "BaseChoice":
        """Give the choice that `as_dict` wrote."""
        bases = tuple(Probed(**{**one, "languages": tuple(one["languages"])}) for one in facts["bases"])
        return cls(**{**facts, "bases": bases})


@dataclass
class BaseComparison:
    """Compares bases for what reads, for what sees, or for what writes.

    Parameters
    ----------
    builder : CandidateBuilder
    train : Rows
    does : str
    names : sequence of str
    seconds : float
        That it may take.
    listener : Listener
    """

    builder: CandidateBuilder
    train: Rows
    does: str
    names: Sequence[str]
    seconds: float
    listener: Listener
    found: dict[str, Probed] = field(default_factory=dict, init=False)

    def choose(self) -> BaseChoice:
        """Probe the bases and take one.

        Raises
        ------
        BaseModelError
            If none of them can be probed.
        """
        began = time.perf_counter()
        left, chosen = list(self.names), ""
        self.found = {name: Probed(name, *described_base(name)) for name in left}
        for fraction, next_fraction in self._rounds():
            started = time.perf_counter()
            probe, answers = self._probed(left, fraction)
            if not answers:
                break
            recommended = self._judge(probe, answers)
            chosen = recommended.name
            left = self._still_in(recommended, answers)
            now = time.perf_counter()
            next_round = (now - started) * (next_fraction or 0) / fraction
            if len(left) < 2 or next_fraction is None or now - began + next_round > self.seconds:
                break
        if not chosen:
            raise BaseModelError(
                f"None of the bases {', '.join(self.names)} could be probed: {self.found[self.names[0]].why} "
                "Name others with --base."
            )
        metric = probe.metric
        sign = -1.0 if higher_is_better(metric) else 1.0
        ranked = sorted(self.found.values(), key=lambda one: (-one.rows, sign * (one.value or 0.0)))
        return BaseChoice(self.does, chosen, probe.name, metric, time.perf_counter() - began, tuple(ranked))

    def _rounds(self) -> Iterator[tuple[float, float | None]]:
        """The part of the rows of each round, and of the one after it."""
        rounds = ROUNDS_OF_WRITERS if self.does == "writes" else ROUNDS
        sizes = [size for size in rounds if size < len(self.train)]
        if len(sizes) < len(rounds):
            sizes.append(len(self.train))
        parts = [size / len(self.train) for size in sizes]
        yield from zip(parts, [*parts[1:], None], strict=True)

    def _probed(self, names: Sequence[str], fraction: float) -> tuple[Probe, dict[str, ProbeAnswers]]:
        rows = part_of(self.train, fraction, random_state=self.builder.settings.random_state)
        probe = probe_for(self.builder, self.does, rows)
        answers = {}
        for position, name in enumerate(names):
            self.listener(
                Progress(f"comparing bases: {name} on {len(rows):,} rows", position, len(names), unit="bases")
            )
            try:
                answers[name] = probe.answer(name)
            except MemoryError:
                self._say(name, "it ran out of memory")
            except MetierError as error:
                self._say(name, str(error))
            except (Exception, SystemExit) as error:  # A bug of one architecture costs the others nothing.
                self.builder.run.log(f"{name} failed while it was probed:\n{traceback.format_exc()}")
                self._say(name, f"a bug ({type(error).__name__}: {error}); see train.log")
        return probe, answers

    def _say(self, name: str, why: str) -> None:
        self.found[name] = replace(self.found[name], why=why)

    def _judge(self, probe: Probe, answers: dict[str, ProbeAnswers]) -> Recommendation:
        """Keep the scores, and give what would be taken."""
        metric = probe.metric
        for name, one in answers.items():
            span = probe.scores.interval(metric, one.predicted)
            self.found[name] = replace(
                self.found[name],
                ms_per_row=one.ms_per_row,
                rows=probe.n_answered,
                value=probe.scores.measure(metric, one.predicted),
                low=span.low,
                high=span.high,
            )
        answered = [Answered(name, one.predicted, one.ms_per_row) for name, one in answers.items()]
        evidence = Evidence(probe.scores, measured_by=metric)
        return recommend(answered, evidence, tolerance=self.builder.settings.tolerance)

    def _still_in(self, recommended: Recommendation, answers: dict[str, ProbeAnswers]) -> list[str]:
        """Drop what is shown to be worse than the best, and say of the others why they are not taken so far."""
        reasons = iter(recommended.reasons)
        left = []
        for name in answers:
            self._say(name, TAKEN if name == recommended.name else next(reasons))
            against = recommended.others.get(name)
            if against is None or against.verdict != "b is better":
                left.append(name)
        return left
