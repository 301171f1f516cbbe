"""What will run, and how the budget is divided: arithmetic over measured costs.

What fits runs whole. Where not everything does, each candidate gets what it needs or an equal part of the time that is
left, whichever is less (max-min fairness), and trains for as many epochs, or on as many of the rows, as fit into its
part. The plan is made again after each candidate: time that one left over goes to the next, and what was left out comes
back while there is time for it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from metier.runs.run_folder import percent
from metier.selection.candidate_cost import SAFETY
from metier.selection.planned import FEWEST_ROWS, Budget, Planned
from metier.tasks.method_contract import Method

# By the main language of the training rows, or by what they are instead.
ROWS_IN = {
    "en": "English rows",
    "zh": "Chinese rows",
    "other": "rows in other languages",
    "none": "images",
    "audio": "recordings",
}
# With this many, rows are worth more than epochs: the rest of the time goes to a refit.
ENOUGH_EPOCHS = 3
# Upper layers alone learn more than all of them do from so many times fewer rows (docs/decisions/0011).
WORTH_OF_LAYERS = 1.5
# How far candidates of the same kind that took longer than was foretold change what is foretold of others. That some took
# less says nothing: much of what is foretold of a candidate is its own (its export, its answers).
SLOWEST = 4.0
# What was foretold to take less than this, or took less, says nothing about others.
TELLING_SECONDS = 5.0
# A cost is measured again after so long, where so much time is left.
STALE_SECONDS, LEAST_TO_MEASURE_AGAIN = 60.0, 20.0
# What takes no longer runs in any case, so that there is something to ship.
ALWAYS_SECONDS = 5.0


@dataclass
class Plan:
    """What will run, cheap first, and which ensembles are built afterwards.

    Parameters
    ----------
    candidates : list of Planned
    ensembles : tuple of str
    refit : bool
    budget : Budget or None
    facts : dict
        What the sentence of the plan tells.
    measure : callable, optional
        Measures what a candidate costs once more.
    """

    candidates: list[Planned]
    ensembles: tuple[str, ...]
    refit: bool
    budget: Budget | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    measure: Callable[[Planned], None] | None = None

    @property
    def methods(self) -> dict[str, Method]:
        """The estimators that run, by name."""
        return {one.name: one.method for one in self.candidates if one.method is not None and one.runs}

    @property
    def sentence(self) -> str:
        """The plan in one line."""
        running = [one for one in self.candidates if one.runs]
        seconds = sum(one.seconds for one in running) * (2 if self.refit else 1)
        memory = max((one.cost.memory_bytes for one in running), default=0)
        cores = self.facts["cores"]
        n_running = f"{len(running)} {'candidate' if len(running) == 1 else 'candidates'}"
        base = "no base is needed" if self.facts["base"] == "none" else f"base {self.facts['base']}"
        return (
            f"{cores} {'core' if cores == 1 else 'cores'}, {self.facts['precision']}; "
            f"{base}, {ROWS_IN[self.facts['language']]}; "
            f"{n_running} in about {_rough(seconds)}"
            f"{' with refit' if self.refit else ''}, {memory / 1e9:.1f} GB"
        )

    @property
    def parts(self) -> list[str]:
        """A sentence for each candidate that does not see all rows, or is exported without a check of INT8."""
        running = [one for one in self.candidates if one.runs]
        parts = [_part_of(one) for one in running if one.fraction < 1 or one.trains_upper]
        return parts + [
            f"{one.name} in fp32: to make INT8 and to check it would take about {one.cost.seconds_int8:.0f} s more"
            for one in running
            if not one.int8
        ]

    def again(
        self, left_seconds: float, done: Callable[[str], bool], taken: Mapping[str, float] | None = None
    ) -> None:
        """Give the time that is left to what is not trained yet, what was left out for time included.

        Parameters
        ----------
        done : callable
            From a candidate's name to whether nothing is left to decide about it.
        taken : mapping of str to float, optional
            Seconds that trained candidates took, by name: the others are taken to be as much slower than was
            foretold, each as those that need a base too, or need none.
        """
        if self.budget is None:
            return
        waiting = [one for one in self.candidates if not (done(one.name) or one.has_begun)]
        for one in waiting:
            one.keep_pace(self._pace(taken or {}, needs_base=one.needs_base))
        fit_into(replace(self.budget, left_seconds=left_seconds), waiting)
        stale = self._stale(waiting)
        if self.measure is None or stale is None or left_seconds < LEAST_TO_MEASURE_AGAIN:
            return
        began = time.monotonic()
        stale.pace = 1.0
        self.measure(stale)
        fit_into(replace(self.budget, left_seconds=left_seconds - (time.monotonic() - began)), waiting)

    def _stale(self, waiting: Sequence[Planned]) -> Planned | None:
        """Give what is next, where time is short for it and its cost was measured a while ago: the machine may be freer."""
        runs = (one for one in waiting if one.runs)
        found = next(runs, None) or next((one for one in waiting if one.waits), None)
        if found is None or found.measured_at is None or not (found.needs_base and found.is_reduced):
            return None
        return found if time.monotonic() - found.measured_at > STALE_SECONDS else None

    def _pace(self, taken: Mapping[str, float], *, needs_base: bool) -> float:
        """How many times as long as was measured candidates took; 1 while none says so."""
        telling = [
            one
            for one in self.candidates
            if one.needs_base == needs_base and min(one.seconds, taken.get(one.name, 0.0)) >= TELLING_SECONDS
        ]
        # What was foretold holds the pace of that time, and the margin of safety.
        foretold = sum(one.seconds / one.pace / SAFETY for one in telling)
        if not foretold:
            return 1.0
        return min(SLOWEST, max(1.0, sum(taken[one.name] for one in telling) / foretold))

    def as_json(self) -> dict[str, Any]:
        """What a resumed run goes on with."""
        kept = {one.name: one.facts() for one in self.candidates}
        return {"candidates": kept, "refit": self.refit, "facts": self.facts}


def fit_into(budget: Budget, candidates: Sequence[Planned]) -> bool:
    """Give each candidate its part of the time, and drop what would get too little; gives whether a refit is planned.

    Raises
    ------
    SettingsError
        If a method is set to fewer epochs than it needs: no budget would help.
    """
    for one in candidates:
        if one.waits:
            one.why_dropped, one.waits = None, False
        if one.runs and one.cost.memory_bytes > budget.memory_bytes:
            one.drop(_too_large(one, budget))
        if one.runs and _has_too_many_labels(one, budget):
            one.drop(_too_long(one, budget))
    running = [one for one in candidates if one.runs]
    kept = _affordable(running, budget)
    for one in running:
        if not any(one is other for other in kept):
            one.drop(_too_long(one, budget))
    left, refit = budget.left_seconds, budget.refit
    for position, one in enumerate(kept):
        parts = _parts(kept[position:], left, budget)
        refit = _size(one, parts[0], budget, spare=max(0.0, left - sum(parts))) and refit
        left -= one.seconds
    return refit


def _has_too_many_labels(one: Planned, budget: Budget) -> bool:
    """Whether one row of each of very many labels is already more than fits, however cheap a method is."""
    needed = one.cost.total(one.fewest_epochs, budget.smallest_fraction)
    return budget.n_labels > FEWEST_ROWS and needed > max(budget.left_seconds, ALWAYS_SECONDS)


def _affordable(running: Sequence[Planned], budget: Budget) -> list[Planned]:
    """What needs no base, so that there is something to ship, and as many of the others as get enough.

    Those that take least come first: what is cheap in use may take longest to train (static embeddings are distilled).
    """
    extra = sorted(
        (one for one in running if one.needs_base), key=lambda one: one.cost.total(one.fewest_epochs)
    )
    for count in range(len(extra), 0, -1):
        left_out = {one.name for one in extra[count:]}
        kept = [one for one in running if one.name not in left_out]
        enough = budget.fair_fraction if count > 1 else budget.last_fraction
        parts = _parts(kept, budget.left_seconds, budget)
        shares = [one.largest_fraction(part) for one, part in zip(kept, parts, strict=True) if one.needs_base]
        if all(share >= enough for share in shares):
            return kept
    return [one for one in running if not one.needs_base]


def _parts(candidates: Sequence[Planned], seconds: float, budget: Budget) -> list[float]:
    """Share some seconds: each candidate gets what it needs whole, or an equal part of what others leave."""
    needs = [_whole(one, budget) for one in candidates]
    parts, left = [0.0] * len(needs), max(0.0, seconds)
    order = sorted(range(len(needs)), key=needs.__getitem__)
    for position, index in enumerate(order):
        parts[index] = min(needs[index], left / (len(order) - position))
        left -= parts[index]
    return parts


def _whole(one: Planned, budget: Budget) -> float:
    """Seconds of all epochs on all rows, of the refit of what makes several, and of INT8."""
    seconds = one.cost.total(one.most_epochs or 0)
    both = seconds * (1 + budget.growth) if budget.refit and one.cost.repeats else seconds
    return both + one.cost.seconds_int8


def _size(one: Planned, part: float, budget: Budget, *, spare: float = 0.0) -> bool:
    """Set the layers, the epochs and the rows that fit into a candidate's part; gives whether a refit of it still fits."""
    one.trains_upper = False
    refit = _fit(one, part, budget, spare=spare)
    if one.upper is None or one.fraction == 1:
        return refit
    of_all, one.trains_upper = one.fraction, True
    refit = _fit(one, part, budget, spare=spare)
    if one.fraction >= WORTH_OF_LAYERS * of_all:
        return refit
    one.trains_upper = False
    return _fit(one, part, budget, spare=spare)


def _fit(one: Planned, part: float, budget: Budget, *, spare: float) -> bool:
    """Set the epochs and the rows that fit into a candidate's part; gives whether a refit of it still fits.

    Its clock has what nobody needs, too: an epoch that takes longer than was measured is then no reason to stop.
    """
    one.fraction, one.epochs, one.time_limit_minutes = 1.0, None, None
    cost = one.planned_cost
    # A model twice as fast and a quarter of the size is worth more than a fourth epoch, and less than rows.
    enough = cost.total(min(one.most_epochs or 0, ENOUGH_EPOCHS))
    one.int8 = cost.seconds_int8 == 0 or part >= enough + cost.seconds_int8
    if one.int8:
        part -= cost.seconds_int8
    least = budget.last_fraction if one.needs_base else budget.smallest_fraction
    if not cost.repeats or one.most_epochs is None:
        one.fraction = _rounded(cost.fraction(part), least)
        one.seconds = cost.total(fraction=one.fraction) + one.int8 * cost.seconds_int8
        return budget.refit
    both, once = 1 + budget.growth, cost.total()
    per_epoch = cost.seconds_per_epoch * SAFETY
    with_refit = _whole_number((part - once * both) / (per_epoch * both)) if budget.refit else 0
    refit = with_refit >= min(one.most_epochs, ENOUGH_EPOCHS)
    epochs = min(one.most_epochs, with_refit if refit else _whole_number((part - once) / per_epoch))
    if epochs < one.fewest_epochs:
        epochs, one.fraction = one.fewest_epochs, _rounded(cost.fraction(part, one.fewest_epochs), least)
    one.epochs = epochs
    one.seconds = cost.total(epochs, one.fraction) + one.int8 * cost.seconds_int8
    whole = part + spare
    in_time = max((whole / both if refit else whole) - once, per_epoch * one.fraction)
    one.time_limit_minutes = in_time / 60
    return refit or (budget.refit and one.fraction < 1)


def _part_of(one: Planned) -> str:
    """Say on what part of the rows a candidate is trained, or which of its layers."""
    whole = f"would take about {one.cost.total(one.fewest_epochs):.0f} s"
    if one.upper is None or not one.trains_upper:
        return f"{one.name} on {percent(one.fraction)} of the rows: all of them {whole}"
    return (
        f"{one.name} trains its upper layers alone ({one.upper.adaptation}) on {percent(one.fraction)} of the rows: "
        f"all layers on all rows {whole}"
    )


def _rough(seconds: float) -> str:
    """Write an estimate: `20 s`, `3 min`."""
    return f"{max(1, round(seconds))} s" if seconds < 59.5 else f"{round(seconds / 60)} min"


def _whole_number(epochs: float) -> int:
    """Give the whole epochs; what a division loses in its last digits is none."""
    return int(epochs + 1e-9)


def _rounded(fraction: float, least: float) -> float:
    """Give a part of the rows in two digits, rounded down so that it fits."""
    return 1.0 if fraction >= 1 else max(int(fraction * 100) / 100, round(least, 4))


def _too_large(one: Planned, budget: Budget) -> str:
    return (
        f"it needs about {one.cost.memory_bytes / 1e9:.1f} GB and {budget.memory_bytes / 1e9:.1f} GB are free; "
        "take a smaller base (--base) or fewer rows"
    )


def _too_long(one: Planned, budget: Budget) -> str:
    return (
        f"it needs about {one.cost.total(one.fewest_epochs):.0f} s and {max(budget.left_seconds, 0):.0f} s of the "
        f"{budget.seconds:.0f} s are left for it and the others; give more time with --budget"
    )
