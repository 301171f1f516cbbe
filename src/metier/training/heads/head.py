"""The contract of a head: how rows are read for it, how it is initialised, what it outputs, how it is exported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from metier.bases.base import Base
from metier.export.graph_export import Exported, ExportedGraph
from metier.progress import Listener
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples
from metier.training.batch import Rows
from metier.training.fine_tuning import Score
from metier.training.training_cost import Cost


@dataclass(frozen=True)
class Task:
    """What is to be learned.

    Parameters
    ----------
    answer : Decodable
    examples : Examples
        To learn from.
    validation : Examples, optional
        To choose on.
    """

    answer: Decodable
    examples: Examples
    validation: Examples | None = None


@dataclass(frozen=True)
class Ready:
    """A model and rows, ready to be trained.

    Parameters
    ----------
    model : Module
        An encoder under a head that stands where it starts.
    rows, validation : Rows
    score : callable
        What epochs are compared by; see `fine_tuning.Score`.
    chosen : mapping
        Arguments of another fit that were settled on the way.
    facts : mapping
        For the report.
    """

    model: Any
    rows: Rows
    validation: Rows | None
    score: Score
    chosen: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Exportable:
    """What of a trained model becomes a predictor; see `export.graph_export.Exported`."""

    module: torch.nn.Module
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Any = None

    def named(self, kind: str, name: str, base: Base, decoder: Any) -> ExportedGraph:
        """Give what is written, of the method and the base that it is of."""
        return Exported(
            kind,
            name,
            base,
            self.module,
            decoder,
            head=self.arrays,
            settings=self.settings,
            tokenizer=self.tokenizer,
        )


class Named(Protocol):
    """What of a trained model becomes a predictor."""

    def named(self, kind: str, name: str, base: Base, decoder: Any) -> ExportedGraph:
        """Give what is written, of the method and the base that it is of."""
        ...


class Head(Protocol):
    """A head of one sort; a value, which holds nothing that is learned.

    A *reader* is what turns items into what its model reads, made of a base: a tokenizer and what belongs to it, or how
    images are prepared.
    """

    @property
    def kind(self) -> str:
        """Kind of the predictor that it is exported as."""
        ...

    def reader(self, base: Base, settings: Any) -> Any:
        """Give what turns items into what the model reads."""
        ...

    def ready(self, reader: Any, base: Base, task: Task, settings: Any, listener: Listener) -> Ready:
        """Cut the rows, and put the head on the base's encoder where it starts."""
        ...

    def unlabelled(self, reader: Any, items: Sequence[Any], model: Any) -> Rows:
        """Give rows of items without targets."""
        ...

    def logits(self, model: Any, reader: Any, items: Sequence[Any]) -> Any:
        """Give what a decoder makes answers of."""
        ...

    def cost(
        self, reader: Any, base: Base, items: Sequence[Any], targets: Any, settings: Any, *, n_batches: int
    ) -> Cost:
        """Time some of the rows that a fit would read, and say what an epoch costs here."""
        ...

    def sample(self, reader: Any, items: Sequence[Any]) -> Sequence[Any]:
        """Give typical items as the graph is fed with them, to see how large activations become."""
        ...

    def exported(self, model: Any, reader: Any) -> Named:
        """Give what becomes a predictor."""
        ...


@runtime_checkable
class Calibrates(Protocol):
    """A head whose rows may lack a part: how sure its answers then are is fitted once the model is trained."""

    @property
    def calibrates(self) -> tuple[str, ...]:
        """The settings that validation chooses so where they are None."""
        ...

    def calibrate(self, model: Any, reader: Any, decoder: Any, task: Task, settings: Any) -> dict[str, Any]:
        """Fit it, keep it in the model, and give what to set so that another fit needs no validation."""
        ...
