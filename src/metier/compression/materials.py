"""What techniques learn from and choose with: rows in three parts, and the bundle that teaches."""

from collections.abc import Sequence
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
    random_state: int = 0
    threads: int = 1
    listener: Listener = field(default=ignore, compare=False)

    @property
    def typical(self) -> Sequence[Any]:
        """Some training questions, to see how large activations become."""
        return self.train.evenly(TYPICAL_ROWS).items

    def taught(self, items: Sequence[Any]) -> Any:
        """Give what the teacher answers."""
        return load_predictor(self.teacher, threads=self.threads).predict(items)
