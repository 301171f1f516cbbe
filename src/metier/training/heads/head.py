"""The contract of a head: how rows are tokenized for it, how it is initialised, what it outputs, how it is exported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from metier.bases.base import Base
from metier.progress import Listener
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples
from metier.training.batching import TokenisedRows
from metier.training.fine_tuning import Score


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
    rows, validation : TokenisedRows
    score : callable
        What epochs are compared by; see `fine_tuning.Score`.
    chosen : mapping
        Arguments of another fit that were settled on the way.
    facts : mapping
        For the report.
    """

    model: Any
    rows: TokenisedRows
    validation: TokenisedRows | None
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


class Head(Protocol):
    """A head of one sort; a value, which holds nothing that is learned.

    A *reader* is what turns items into token ids for it: a tokenizer and what belongs to it, made of a base.
    """

    @property
    def kind(self) -> str:
        """Kind of the predictor that it is exported as."""
        ...

    @property
    def passes_before(self) -> int:
        """Passes of all rows forward through the base as it came, which the head starts from."""
        ...

    def reader(self, base: Base, settings: Any) -> Any:
        """Give what turns items into token ids."""
        ...

    def ready(self, reader: Any, base: Base, task: Task, settings: Any, listener: Listener) -> Ready:
        """Cut the rows, and put the head on the base's encoder where it starts."""
        ...

    def unlabelled(self, reader: Any, items: Sequence[Any], pad_id: int) -> TokenisedRows:
        """Tokenize items without targets."""
        ...

    def logits(self, model: Any, reader: Any, items: Sequence[Any]) -> Any:
        """Give what a decoder makes answers of."""
        ...

    def measured(
        self, reader: Any, items: Sequence[Any], targets: Any, settings: Any
    ) -> Sequence[Sequence[int]]:
        """Give token ids of the rows that a fit would read, to time some of them."""
        ...

    def sample(self, reader: Any, items: Sequence[Any]) -> Sequence[Sequence[int]]:
        """Give token ids of typical items, to see how large activations become."""
        ...

    def exported(self, model: Any, reader: Any) -> Exportable:
        """Give what becomes a predictor."""
        ...
