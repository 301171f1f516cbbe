"""One encoder for several tasks [1]_: their heads train together, each on the rows that say its answers.

A batch mixes the rows of all tasks; each task's rows go through the encoder and under their own head, and the losses are
summed by the weights of the tasks and their shares of the batch. With weights of 1 every row counts alike.

References
----------
.. [1] Caruana, "Multitask learning", Machine Learning 28, 1997.
"""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch

from metier.bases.base import Base
from metier.errors import CallError
from metier.export.graph_export import typical_rows
from metier.progress import Listener, ignore
from metier.tasks.examples import Examples
from metier.training.fine_tuning import Tuned, checkpoints_of, fine_tune
from metier.training.heads.head import Ready, Task
from metier.training.objectives import Objective
from metier.training.objectives.objective import unwrapped
from metier.training.tuned_method import Fitted, TunedMethod

FEWEST_MINUTES = 0.05  # Of training, where making the rows ready took all the time.


@dataclass(frozen=True)
class Part:
    """One of the tasks that train together.

    Parameters
    ----------
    name : str
        As `--task` names it.
    method : TunedMethod
        How it is trained alone: its head and its answers.
    settings : HeadSettings
        Of that method; what concerns the loop is that of the first part.
    examples : Examples
    validation : Examples
    weight : float
        Of its loss beside the others', above 0.
    """

    name: str
    method: TunedMethod
    settings: Any
    examples: Examples
    validation: Examples
    weight: float = 1.0


@dataclass(frozen=True)
class ReadyPart:
    """A task whose rows are tokens and whose model has its head.

    Parameters
    ----------
    part : Part
    reader : Any
        Makes tokens of rows.
    ready : Ready
        The model, its rows and its score.
    """

    part: Part
    reader: Any
    ready: Ready

    @classmethod
    def of(cls, part: Part, base: Base, listener: Listener) -> Self:
        """Make a task ready to be trained on a base."""
        head, task = part.method.head, Task(part.method.answer, part.examples, part.validation)
        reader = head.reader(base, part.settings)
        return cls(part, reader, head.ready(reader, base, task, part.settings, listener))

    @property
    def objective(self) -> Objective:
        """The loss of the task trained alone."""
        return self.part.method.objective(self.part.settings, self.ready, self.reader)

    def fitted(self, base: Base, tuned: Tuned) -> Fitted:
        """Give what the training leaves behind of this task; its model is in eval mode."""
        part, ready = self.part, self.ready
        decoder = part.method.decoder(part.settings, ready, self.reader, part.examples, part.validation)
        chosen = {"base": base.name, **ready.chosen, **tuned.chosen, **decoder.chosen}
        facts = {"base": base.name, **ready.facts, **tuned.facts}
        texts = list(typical_rows(part.examples.items))
        return Fitted(base, self.reader, ready.model, decoder, chosen, facts, part.validation, texts)


@dataclass(frozen=True)
class JoinedBatch:
    """Rows of several tasks: the batch of each that has some, with the place of the task."""

    parts: tuple[tuple[int, Any], ...]
    labels: None = None

    def __len__(self) -> int:
        return sum(len(batch) for _, batch in self.parts)

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        moved = tuple((place, batch.to(device)) for place, batch in self.parts)
        return dataclasses.replace(self, parts=moved)


@dataclass(frozen=True)
class JoinedRows:
    """The rows of several tasks one after the other; a `training.batch.Rows`.

    Parameters
    ----------
    parts : tuple of Rows
    """

    parts: tuple[Any, ...]
    truth: None = field(default=None, init=False)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each entry."""
        return np.concatenate([part.lengths for part in self.parts])

    @property
    def _starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum([len(part.lengths) for part in self.parts])])

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def read_in(self, epoch: int, *, random_state: int) -> np.ndarray:
        """Positions of the entries that an epoch reads: one a row of each task."""
        read = [part.read_in(epoch, random_state=random_state) for part in self.parts]
        return np.concatenate([start + own for start, own in zip(self._starts, read, strict=False)])

    def batch(self, positions: np.ndarray) -> JoinedBatch:
        """The entries at these positions, those of each task together."""
        starts = self._starts
        owners = np.searchsorted(starts, positions, side="right") - 1
        batches = [
            (place, part.batch(positions[owners == place] - starts[place]))
            for place, part in enumerate(self.parts)
            if (owners == place).any()
        ]
        return JoinedBatch(tuple(batches))

    def in_order_of_length(self, token_budget: int) -> Iterator[tuple[np.ndarray, JoinedBatch]]:
        """Every entry once, for answering: those of one task after those of the other."""
        for place, (start, part) in enumerate(zip(self._starts, self.parts, strict=False)):
            for positions, batch in part.in_order_of_length(token_budget):
                yield positions + start, JoinedBatch(((place, batch),))

    def contents(self) -> Iterator[bytes]:
        """Give what the rows are and are to be answered with, for a digest."""
        for part in self.parts:
            yield from part.contents()

    def mean(self, numbers: np.ndarray) -> np.ndarray:
        """Give numbers as they are: each task averages its own."""
        return numbers


class SharedModel(torch.nn.Module):
    """One encoder under the heads of several models.

    Parameters
    ----------
    models : sequence of Module
        Each with `encoder` and `head`; their encoders are replaced by that of the first.
    """

    def __init__(self, models: Sequence[Any]):
        super().__init__()
        self.encoder = models[0].encoder
        self.head = torch.nn.ModuleList([model.head for model in models])
        for model in models:
            model.encoder = self.encoder
        self.models = tuple(models)  # A tuple is not registered: the weights of the encoder are kept once.

    def train(self, mode: bool = True) -> Self:
        """Set all models to train or to answer."""
        super().train(mode)
        for model in self.models:
            model.training = mode
        return self


def train_together(
    parts: Sequence[Part],
    *,
    name: str,
    minutes: float | None = None,
    listener: Listener = ignore,
) -> list[Fitted]:
    """Train the heads of several tasks on one encoder.

    Epochs are compared by the mean of the tasks' scores on validation, each weighted as its loss.

    Parameters
    ----------
    parts : sequence of Part
        Two or more, on the same base.
    name : str
        What the training is called in its progress.
    minutes : float, optional
        Time after which the learning rate has reached zero, what it takes to make the rows ready included; None: all
        epochs of the first part's settings.

    Returns
    -------
    list of Fitted
        One a part: its head, with the encoder that all share.

    Raises
    ------
    CallError
        If the tasks stand on different bases.
    """
    began = time.monotonic()
    base = _shared_base(parts)
    ready = [ReadyPart.of(part, base, listener) for part in parts]
    left = None if minutes is None else max(FEWEST_MINUTES, minutes - (time.monotonic() - began) / 60)
    settings = parts[0].settings.model_copy(update={"time_limit_minutes": left})
    model = SharedModel([one.ready.model for one in ready])
    rows = JoinedRows(tuple(one.ready.rows for one in ready))
    held = JoinedRows(tuple(one.ready.validation for one in ready))
    tuned = fine_tune(
        model,
        rows,
        objective=_joined_objective(ready),
        settings=settings,
        validation=held,
        score=_joined_score(ready),
        checkpoints=checkpoints_of(settings, base, [*rows.parts, *held.parts]),
        what=f"{name}: fine-tuning {base.name} on {' and '.join(part.name for part in parts)}",
        listener=listener,
    )
    model.eval()
    return [one.fitted(base, tuned) for one in ready]


def _shared_base(parts: Sequence[Part]) -> Base:
    bases = {part.name: part.method.base(part.settings, part.examples.items) for part in parts}
    first = next(iter(bases.values()))
    if any(base.name != first.name for base in bases.values()):
        found = ", ".join(f"{name}: {base.name}" for name, base in bases.items())
        raise CallError(
            f"Tasks that train together stand on one base, and these have several ({found}). Give --base."
        )
    return first


def _joined_objective(ready: Sequence[ReadyPart]) -> Objective:
    objectives = [one.objective for one in ready]

    def objective(model: torch.nn.Module, batch: Any) -> torch.Tensor:
        models = unwrapped(model).models
        losses = [
            ready[place].part.weight * len(own) / len(batch) * objectives[place](models[place], own)
            for place, own in batch.parts
        ]
        return torch.stack(losses).sum()

    return objective


def _joined_score(ready: Sequence[ReadyPart]) -> Any:
    weights = np.array([one.part.weight for one in ready])
    weights = weights / weights.sum()

    def score(model: SharedModel, rows: JoinedRows) -> dict[str, float]:
        found = [
            one.ready.score(own, held) for one, own, held in zip(ready, model.models, rows.parts, strict=True)
        ]
        errors = np.array([one.get("score_error", 0.0) for one in found])
        each = {f"score of {one.part.name}": own["score"] for one, own in zip(ready, found, strict=True)}
        mean = float(weights @ [one["score"] for one in found])
        return {"score": mean, "score_error": float(np.sqrt(((weights * errors) ** 2).sum())), **each}

    return score
