"""A candidate before it is trained, and the budget that it is planned within."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from metier.errors import SettingsError
from metier.selection.candidate_cost import CandidateCost, UpperLayers
from metier.tasks.method_contract import Method, NeedsEpochs

# Below this many epochs a method that is fine-tuned has not paid for its start.
FEWEST_EPOCHS = 2
# Several candidates share the time only while each gets this part of the rows, or this many of them.
FAIR_PART = 0.25
FAIR_ROWS = 5_000
# On fewer rows than this a candidate says nothing about all of them, unless there are no more.
FEWEST_ROWS = 300
# From so long a budget on, what needs a base is trained on fewer still before none is.
LONG_SECONDS = 120.0
LAST_ROWS = 100


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
    cost : CandidateCost
    most_epochs : int or None
        Passes over the rows that its settings allow; None where it repeats nothing.
    seconds : float
        What it is expected to take as it is planned.
    epochs : int or None
        Passes over the rows that it may make.
    fraction : float
        Of the training rows.
    upper : UpperLayers or None
        Layers that may be trained alone where all of them do not fit; None where the settings say what trains.
    trains_upper : bool
        Whether it is planned so.
    int8 : bool
        Whether there is time to make INT8 and to check it.
    time_limit_minutes : float or None
        When the passes have to be over, should the machine be slower than it was measured.
    has_begun : bool
        Whether its training began: it goes on as it was planned.
    pace : float
        How many times as long as it was measured its cost is taken to be.
    measured_at : float or None
        When its cost was measured, by `time.monotonic`; None: not in this process.
    waits : bool
        Whether it is dropped for want of time or memory alone: the next plan may take it up again.
    why_dropped : str or None
        Why it does not run.
    why_failed : str or None
        What went wrong when its cost was measured: it does not run either.
    """

    name: str
    method: Method | None = None
    needs_base: bool = False
    cost: CandidateCost = field(default_factory=CandidateCost)
    most_epochs: int | None = None
    seconds: float = 0.0
    epochs: int | None = None
    fraction: float = 1.0
    upper: UpperLayers | None = None
    trains_upper: bool = False
    int8: bool = True
    time_limit_minutes: float | None = None
    has_begun: bool = False
    pace: float = 1.0
    measured_at: float | None = None
    waits: bool = False
    why_dropped: str | None = None
    why_failed: str | None = None

    @property
    def runs(self) -> bool:
        """Whether it is trained."""
        return self.method is not None and self.why_dropped is None and self.why_failed is None

    @property
    def planned_cost(self) -> CandidateCost:
        """What it costs as it is planned: whole, or its upper layers alone."""
        if self.upper is None or not self.trains_upper:
            return self.cost
        return self.cost.of_upper(self.upper.share)

    def largest_fraction(self, seconds: float) -> float:
        """Give the largest part of the rows that fits into some seconds, by all layers or by the upper ones."""
        costs = [self.cost] if self.upper is None else [self.cost, self.cost.of_upper(self.upper.share)]
        return max(cost.fraction(seconds, self.fewest_epochs) for cost in costs)

    @property
    def fewest_epochs(self) -> int:
        """Passes below which it is not worth its start; 0 where it repeats nothing.

        Raises
        ------
        SettingsError
            If its settings allow fewer: no budget would help.
        """
        if self.most_epochs is None:
            return 0
        if not isinstance(self.method, NeedsEpochs):
            return min(FEWEST_EPOCHS, self.most_epochs)
        if self.method.fewest_epochs > self.most_epochs:
            raise SettingsError(
                [
                    f"epochs is {self.most_epochs}, and {self.name} needs {self.method.fewest_epochs} passes over "
                    "the rows; give it as many, or leave it out"
                ],
                origin=f"The settings of {self.name}",
            )
        return self.method.fewest_epochs

    @property
    def is_reduced(self) -> bool:
        """Whether time is short for it: it is left out, or trained with less than its settings ask for."""
        has_fewer = self.most_epochs is not None and self.epochs is not None and self.epochs < self.most_epochs
        return self.waits or self.fraction < 1 or self.trains_upper or has_fewer

    def drop(self, why: str) -> None:
        """Leave it out for want of time or memory."""
        self.why_dropped, self.waits = why, True

    def keep_pace(self, pace: float) -> None:
        """Take its cost to be so many times what was measured."""
        self.cost, self.pace = self.cost.scaled(pace / self.pace), pace

    def begin(self) -> Method:
        """Give the method with the epochs and the clock of the plan; a clock that the settings give it stays."""
        assert self.method is not None  # Only what runs is trained.
        self.has_begun = True
        if not self.int8:
            self.method.set_params(precision="fp32")
        if self.upper is not None and self.trains_upper:
            self.method.set_params(adaptation=self.upper.adaptation)
        if self.epochs is not None:
            self.method.set_params(epochs=self.epochs)
            if self.method.get_params(deep=False).get("time_limit_minutes", 0) is None:
                self.method.set_params(time_limit_minutes=self.time_limit_minutes)
        return self.method

    def facts(self) -> dict[str, Any]:
        """What a resumed run has to know of it: everything but the method."""
        kept = asdict(replace(self, method=None))
        return {key: value for key, value in kept.items() if key not in ("name", "method", "measured_at")}

    def recall(self, facts: dict[str, Any]) -> None:
        """Take over what `facts` kept."""
        known = self.facts()
        vars(self).update({key: value for key, value in facts.items() if key in known})
        if "cost" in facts:
            self.cost = CandidateCost(**facts["cost"])
        if facts.get("upper") is not None:
            self.upper = UpperLayers(**facts["upper"])


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
    n_rows : int
        Training rows.
    n_labels : int
        Labels of the task; a part of the rows holds each of them.
    refit : bool
        Whether models are to be trained again on all rows.
    growth : float
        Rows of a refit for each training row.
    """

    seconds: float
    left_seconds: float
    memory_bytes: int
    n_rows: int = 0
    n_labels: int = 0
    refit: bool = True
    growth: float = 1.0

    @property
    def fair_fraction(self) -> float:
        """The least part of the rows that candidates share the time for."""
        return min(FAIR_PART, FAIR_ROWS / max(1, self.n_rows))

    @property
    def smallest_fraction(self) -> float:
        """The least part of the rows that anything is trained on."""
        return self._fraction_of(FEWEST_ROWS)

    @property
    def last_fraction(self) -> float:
        """The least part of the rows for what needs a base where nothing else that needs one runs."""
        return self._fraction_of(LAST_ROWS if self.seconds >= LONG_SECONDS else FEWEST_ROWS)

    def _fraction_of(self, n_rows: int) -> float:
        """The part that so many rows are, or more: one of each label."""
        return min(1.0, max(n_rows, self.n_labels) / max(1, self.n_rows))
