"""What techniques learn from and choose with: rows in three parts, and the bundle that teaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from metier.predictors.loading import load_predictor
from metier.progress import Listener, ignore
from metier.tasks.answers import AnswerKind
from metier.tasks.inputs import InputKind

TYPICAL_ROWS = 128


@dataclass(frozen=True)
class LabelledItems:
    """Questions and what each should be answered with, as the task has them."""

    items: Sequence[Any]
    targets: Sequence[Any]

    def __len__(self) -> int:
        return len(self.items)

    def take(self, places: Sequence[int]) -> "LabelledItems":
        """Give those at some places."""
        return LabelledItems([self.items[one] for one in places], [self.targets[one] for one in places])

    def evenly(self, most: int) -> "LabelledItems":
        """Give at most so many, evenly: files are often sorted by label."""
        return self.take(np.linspace(0, len(self) - 1, min(most, len(self))).astype(int).tolist())


@dataclass(frozen=True)
class Materials:
    """Rows and settings of a compression.

    Parameters
    ----------
    train, choosing, validation : LabelledItems
        To learn from; to choose epochs, temperatures and operators on; to judge on, never learned or chosen from.
    teacher : Path
        Folder of the bundle that is compressed.
    scratch : Path
        For checkpoints.
    input, answer : InputKind and AnswerKind
    labels : tuple of str
    unlabelled : tuple of str
        Texts without labels, which the teacher answers.
    epochs : int
        Of recovery and of distillation.
    settled : mapping, optional
        Of a refit on all labelled rows: what a technique said of its work before, whose choices hold.
    """

    train: LabelledItems
    choosing: LabelledItems
    validation: LabelledItems
    teacher: Path
    scratch: Path
    input: InputKind
    answer: AnswerKind
    labels: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    epochs: int = 2
    settled: Mapping[str, Any] | None = None
    random_state: int = 0
    threads: int = 1
    listener: Listener = field(default=ignore, compare=False)

    @property
    def held(self) -> tuple[list[Any], list[Any]] | None:
        """Rows to choose on, as a method takes them; none in a refit, which learns from them."""
        if self.settled is not None:
            return None
        return list(self.choosing.items), list(self.choosing.targets)

    @property
    def known(self) -> tuple[list[Any], list[Any]]:
        """Rows to learn from, as a method takes them: in a refit those to choose and to judge on, too."""
        parts = [self.train] if self.settled is None else [self.train, self.choosing, self.validation]
        return [one for part in parts for one in part.items], [one for part in parts for one in part.targets]

    def chosen_before(self, name: str) -> dict[str, Any]:
        """Give what a technique chose before a refit; nothing where this is none."""
        found = [
            self.settled or {},
            *(one for one in (self.settled or {}).values() if isinstance(one, Mapping)),
        ]
        return dict(next((one[name] for one in found if name in one), {}))

    @property
    def typical(self) -> Sequence[Any]:
        """Some training questions, to see how large activations become."""
        return self.train.evenly(TYPICAL_ROWS).items

    def taught(self, items: Sequence[Any]) -> Any:
        """Give what the teacher answers."""
        return load_predictor(self.teacher, threads=self.threads).predict(items)
