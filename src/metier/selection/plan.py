"""What will run, and how the budget is divided: arithmetic over measured costs.

What needs no base always runs, however small the budget, so that there is something to ship. What reads a base once
runs where it fits. What trains it for some epochs gets as many as fit, with a refit after it where three or more do.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from metier.errors import SettingsError
from metier.tasks.method_contract import Method, NeedsEpochs

# Answering, measuring, sealing and the report, besides what the candidates take.
OVERHEAD_SECONDS = 25.0
# The machine is shared and the estimate comes from a few batches.
SAFETY = 1.15
# Below this many epochs a method that is fine-tuned has not paid for its start.
FEWEST_EPOCHS = 2
# With this many, rows are worth more than epochs: the rest of the time goes to a refit.
ENOUGH_EPOCHS = 3


@dataclass(frozen=True)
class CandidateCost:
    """What a candidate is expected to take.

    Parameters
    ----------
    seconds : float
        Besides the epochs.
    memory_bytes : int
        At the peak.
    seconds_per_epoch : float
        For one pass over the rows; 0 where nothing is repeated.
    """

    seconds: float = 0.0
    memory_bytes: int = 0
    seconds_per_epoch: float = 0.0


@dataclass
class Planned:
    """One candidate before it is trained.

    Parameters
    ----------
    name : str
        Versioned name.
    method : Method or None
        Unfitted; None where it cannot be built.
    needs_base : bool
        Whether it stands on a pretrained base.
    seconds, memory_bytes : float, int
        What it is expected to take.
    seconds_per_epoch : float
        For one pass over the rows; 0 where nothing is repeated.
    epochs : int or None
        Passes over the rows that it may make.
    time_limit_minutes : float or None
        When the passes have to be over, should the machine be slower than it was measured.
    why_dropped : str or None
        Why it does not run.
    why_failed : str or None
        What went wrong when its cost was measured: it does not run either.
    """

    name: str
    method: Method | None = None
    needs_base: bool = False
    seconds: float = 0.0
    memory_bytes: int = 0
    seconds_per_epoch: float = 0.0
    epochs: int | None = None
    time_limit_minutes: float | None = None
    why_dropped: str | None = None
    why_failed: str | None = None

    @property
    def runs(self) -> bool:
        """Whether it is trained."""
        return self.method is not None and self.why_dropped is None and self.why_failed is None

    def facts(self) -> dict[str, Any]:
        """What a resumed run has to know of it: everything but the method."""
        kept = asdict(replace(self, method=None))
        return {key: value for key, value in kept.items() if key not in ("name", "method")}

    def recall(self, facts: dict[str, Any]) -> None:
        """Take over what `facts` kept."""
        known = self.facts()
        vars(self).update({key: value for key, value in facts.items() if key in known})


@dataclass(frozen=True)
class Plan:
    """What will run, cheap first, and which ensembles are built afterwards."""

    candidates: list[Planned]
    ensembles: tuple[str, ...]
    refit: bool
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def methods(self) -> dict[str, Method]:
        """The estimators that run, by name."""
        return {one.name: one.method for one in self.candidates if one.method is not None and one.runs}

    @property
    def sentence(self) -> str:
        """The plan in one line."""
        running = [one for one in self.candidates if one.runs]
        seconds = sum(one.seconds for one in running) * (2 if self.refit else 1)
        memory = max((one.memory_bytes for one in running), default=0)
        cores = self.facts["cores"]
        n_running = f"{len(running)} {'candidate' if len(running) == 1 else 'candidates'}"
        base = "no base is needed" if self.facts["base"] == "none" else f"base {self.facts['base']}"
        return (
            f"{cores} {'core' if cores == 1 else 'cores'}, {self.facts['precision']}; "
            f"{base} ({self.facts['language']}); "
            f"{n_running} in about {max(1, round(seconds / 60))} min"
            f"{' with refit' if self.refit else ''}, {memory / 1e9:.1f} GB"
        )


@dataclass(frozen=True)
class Budget:
    """What the candidates of a run may take.

    Parameters
    ----------
    seconds : float
        Of the whole run.
    left_seconds : float
        For training, what ends the run taken off.
    memory_bytes : int
        Free on this machine.
    refit : bool
        Whether models are to be trained again on all rows.
    growth : float
        Rows of a refit for each training row.
    """

    seconds: float
    left_seconds: float
    memory_bytes: int
    refit: bool = True
    growth: float = 1.0


def fit_into(budget: Budget, candidates: Sequence[Planned]) -> bool:
    """Drop what does not fit, and give the epochs that do to what makes several; gives whether a refit is planned.

    Raises
    ------
    SettingsError
        If a method is set to fewer epochs than it needs: no budget would help.
    """
    for one in candidates:
        if one.runs:
            one.why_dropped = _too_large(one, budget)
    left, refit = budget.left_seconds, budget.refit
    running = [one for one in candidates if one.runs]
    for one in (one for one in running if not one.seconds_per_epoch):
        if one.needs_base:
            one.why_dropped = _too_long(one.seconds, left, budget)
        left -= 0.0 if one.why_dropped else one.seconds * SAFETY
    for one in (one for one in running if one.seconds_per_epoch):
        refit = _give_epochs(one, left, budget)
        left -= 0.0 if one.why_dropped else one.seconds
    return refit and budget.refit


def _give_epochs(one: Planned, left: float, budget: Budget) -> bool:
    """Set the epochs of a method that makes several; gives whether a refit of it still fits."""
    assert one.method is not None  # Only what runs is given epochs.
    most = int(one.method.get_params(deep=False)["epochs"])
    fewest = _fewest_epochs(one, most)
    per_epoch, fixed, both = one.seconds_per_epoch * SAFETY, one.seconds, 1 + budget.growth
    with_refit = int((left - fixed * both) / (per_epoch * both)) if budget.refit else 0
    refit = with_refit >= min(most, ENOUGH_EPOCHS)
    epochs = min(most, with_refit if refit else int((left - fixed) / per_epoch))
    if epochs < fewest:
        one.why_dropped = _too_long(fixed + fewest * per_epoch, left, budget)
        return budget.refit
    one.epochs, one.seconds = epochs, fixed + epochs * per_epoch
    one.time_limit_minutes = max((left / both if refit else left) - fixed, per_epoch) / 60
    return refit


def _fewest_epochs(one: Planned, most: int) -> int:
    fewest = one.method.fewest_epochs if isinstance(one.method, NeedsEpochs) else min(FEWEST_EPOCHS, most)
    if fewest > most:
        raise SettingsError(
            [
                f"epochs is {most}, and {one.name} needs {fewest} passes over the rows; give it as many, or leave it out"
            ],
            origin=f"The settings of {one.name}",
        )
    return fewest


def _too_large(one: Planned, budget: Budget) -> str | None:
    if one.memory_bytes <= budget.memory_bytes:
        return None
    return (
        f"it needs about {one.memory_bytes / 1e9:.1f} GB and {budget.memory_bytes / 1e9:.1f} GB are free; "
        "take a smaller base (--base) or fewer rows"
    )


def _too_long(seconds: float, left: float, budget: Budget) -> str | None:
    if seconds <= max(left, 0):
        return None
    return (
        f"it needs about {seconds:.0f} s and {max(left, 0):.0f} s of the {budget.seconds:.0f} s are left for it; "
        "give more time with --budget"
    )
