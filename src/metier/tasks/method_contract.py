"""The contract of a method: required and optional parts, and its stated capabilities.

A run names no method. What it must know before it builds one stands in `capabilities`, a value on the class; what a
method can do besides `fit`, `predict` and `export` is a small protocol, asked for once with `isinstance`.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from metier.progress import Listener, ignore

# What a batch of training costs, in passes forward: backward costs twice as much, and the optimizer its share.
TRAINING_OVER_FORWARD = 3.0


class CostRank(IntEnum):
    """How much a method costs to train beside others, whatever the rows; cheap ones run first."""

    BASELINE = 0  # Its answers do not depend on the item: no ensemble is made of it.
    CLASSICAL = 1
    FROZEN = 2  # A pretrained base is read and not changed.
    FINE_TUNED = 3  # A pretrained base is trained for some epochs.
    SEVERAL_FITS = 4  # Fine-tuned several times.
    ENSEMBLE = 5  # Made of other candidates.


@dataclass(frozen=True)
class Capabilities:
    """What a method states about itself.

    Parameters
    ----------
    cost : CostRank
        What training it costs beside others.
    baseline : str or None
        The method it must beat to be worth its cost; None: the first candidate of the task.
    made_of : tuple of str
        Methods it is made of.
    needs_base : bool
        Whether it stands on a pretrained base.
    writes : bool
        Whether that base has to be generative.
    sees : bool
        Whether that base has to be one of images.
    hears : bool
        Whether that base has to be one of speech.
    is_joint : bool
        Whether it reads the text and the image of a row together; its `base` is the one of the texts.
    learns_from_unlabelled : bool
        Whether it learns from unlabelled rows too. Its `baseline` is then its supervised counterpart: what is not
        shown to beat it is not shipped.
    learns_from_knowledge : bool
        Whether it needs a knowledge graph. Its `baseline` is then the same method without: what is not shown to beat it
        is not shipped.
    takes_adaptation, takes_objective : bool
        Whether what of the base trains, and by which loss, can be set.
    takes_soft_labels : bool
        Whether `fit` takes probabilities of a teacher as `soft`, see `TakesSoftLabels`.
    reads_windows : bool
        Whether its predictor reads a passage window by window, so that an ensemble may leave windows out.
    trains_together : bool
        Whether several processes can train one model of it.
    tasks : tuple of str
        The tasks it is for, where neither their rows nor `baseline` say so: it is no default candidate of any.
    """

    cost: CostRank = CostRank.CLASSICAL
    baseline: str | None = None
    made_of: tuple[str, ...] = ()
    needs_base: bool = False
    writes: bool = False
    sees: bool = False
    hears: bool = False
    is_joint: bool = False
    learns_from_unlabelled: bool = False
    learns_from_knowledge: bool = False
    takes_adaptation: bool = False
    takes_objective: bool = False
    takes_soft_labels: bool = False
    reads_windows: bool = False
    trains_together: bool = False
    tasks: tuple[str, ...] = ()

    @property
    def base_does(self) -> str:
        """What its base has to do: reads, writes, sees or hears."""
        stated = {"writes": self.writes, "sees": self.sees, "hears": self.hears}
        return next((does for does, has_to in stated.items() if has_to), "reads")

    @property
    def is_baseline(self) -> bool:
        """Whether its answers do not depend on the item."""
        return self.cost is CostRank.BASELINE

    @property
    def is_fine_tuned(self) -> bool:
        """Whether it trains a base once, by settings that a search may choose."""
        return self.cost is CostRank.FINE_TUNED

    @property
    def supervised_counterpart(self) -> str | None:
        """What it has to beat where it learns from unlabelled rows or knowledge; None for every other method."""
        return self.baseline if self.learns_from_unlabelled or self.learns_from_knowledge else None


class Method(Protocol):
    """A scikit-learn estimator in the catalogue; nothing need inherit from this.

    Attributes
    ----------
    chosen_params_ : dict
        After `fit`: constructor arguments with which another fit needs no validation rows.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    chosen_params_: dict[str, Any]

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from items and their targets; choices are made on the validation rows."""
        ...

    def predict(self, X: Any) -> Any:
        """Give the answer to each item."""
        ...

    def export(self, folder: Path) -> None:
        """Leave the files of a predictor in an empty folder."""
        ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Give the constructor's arguments."""
        ...

    def set_params(self, **params: Any) -> Self:
        """Change constructor's arguments."""
        ...


class MeasuredCost(Protocol):
    """What training and answering will take on this machine."""

    @property
    def seconds_fixed(self) -> float:
        """Seconds that are spent however many rows there are."""
        ...

    @property
    def seconds_before(self) -> float:
        """Seconds over all rows once, besides the epochs."""
        ...

    @property
    def seconds_per_epoch(self) -> float:
        """Seconds of one pass over the rows; 0 where nothing is repeated."""
        ...

    @property
    def seconds_per_answer(self) -> float:
        """Seconds to answer one row where that is not too quick to count."""
        ...

    @property
    def memory_bytes(self) -> int:
        """Bytes at the peak."""
        ...


@runtime_checkable
class StatesCapabilities(Protocol):
    """The class of a method that states what a run has to know before it builds one."""

    capabilities: Capabilities


@runtime_checkable
class Measurable(Protocol):
    """A method that says before any work what its fit will take; others are timed on a sample of the rows."""

    def measure(self, X: Any, y: Any = None) -> MeasuredCost:
        """Time a little real work on these rows; nothing is learned.

        Once `measuring_is_over`, what was timed has to do.
        """
        ...


@runtime_checkable
class StatesMemory(Protocol):
    """A method that is timed on samples of the rows, and knows what a fit on all of them holds in memory."""

    def memory_bytes(self, X: Any, y: Any) -> int:
        """Give the bytes at the peak of a fit on these rows, besides what the process has."""
        ...


@runtime_checkable
class TriesByWork(Protocol):
    """A method that tries fewer settings the more work the rows are: on a sample it would try too many."""

    @property
    def fits_each_label(self) -> bool:
        """Whether its work grows with the labels, too: it makes a model for each."""
        ...

    def as_on_all(self, X: Any, y: Any) -> Any:
        """Give a method that does on a sample of these rows what this one does on all of them."""
        ...

    def n_learned(self, X: Any, y: Any) -> int:
        """Give how many of these rows it learns from: of very many some take a sample."""
        ...


_MEASURING_ENDS: ContextVar[float] = ContextVar("when measuring has to be over", default=math.inf)


@contextmanager
def measured_within(seconds: float) -> Iterator[None]:
    """Let what measures within be content with what it has after so many seconds."""
    token = _MEASURING_ENDS.set(time.perf_counter() + seconds)
    try:
        yield
    finally:
        _MEASURING_ENDS.reset(token)


def measuring_is_over() -> bool:
    """Whether a run that measures has no more time for it."""
    return time.perf_counter() > _MEASURING_ENDS.get()


@runtime_checkable
class NeedsEpochs(Protocol):
    """A method that knows below how many epochs it has not paid for its start."""

    fewest_epochs: int


@runtime_checkable
class SuitsSomeRows(Protocol):
    """A method that pays on some rows only: left out of the defaults elsewhere, trained where it is named."""

    def why_not(self, X: Sequence[Any], y: Sequence[Any]) -> str | None:
        """Say why it should not be a default candidate on these rows; None: it should."""
        ...


@runtime_checkable
class StatesFacts(Protocol):
    """A method that states facts of its fit for the report."""

    facts_: dict[str, Any]


@runtime_checkable
class GivesProbabilities(Protocol):
    """A method whose answers are a choice among labels."""

    def predict_proba(self, X: Any) -> Any:
        """Give the probability of each label for each item."""
        ...


@runtime_checkable
class GivesAnswers(Protocol):
    """A method that says how sure it is, whatever its answers are: what can teach itself, and others."""

    def answers(self, X: Any) -> Any:
        """Give the answer to each item as a `tasks.answer_batches.AnswerBatch`."""
        ...


class TakesSoftLabels(Protocol):
    """A method that can learn from a teacher; says so as `capabilities.takes_soft_labels`."""

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None = None,
        soft: Any = None,
        listener: Listener = ignore,
    ) -> Self:
        """Learn from targets and from what the teacher thinks of each item, as the answer kind's `check_soft` takes it."""
        ...
