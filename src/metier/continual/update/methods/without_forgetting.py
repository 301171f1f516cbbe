"""Learning without forgetting: `without_forgetting.v1`."""

from typing import ClassVar, Self

import numpy as np

from metier.continual.update.methods.method import Lesson
from metier.continual.update.methods.naive import Naive
from metier.continual.update.softmax_regression import Kept, Teacher
from metier.evaluation.softmax import softmax

STRENGTH, TEMPERATURE = 1.0, 2.0


class WithoutForgetting(Naive):
    """Keeps on giving the old answers to the new rows (LwF [1]_): distillation of the head as it was.

    Needs no old rows. Where new rows look like old ones this keeps much; the old labels are still pushed down where all
    new rows have new ones.

    References
    ----------
    .. [1] Li and Hoiem, "Learning without forgetting", 2016, arXiv:1606.09282.
    """

    name: ClassVar[str] = "without_forgetting.v1"

    def __init__(self, *, strength: float = STRENGTH, temperature: float = TEMPERATURE):
        self.strength = strength
        self.temperature = temperature

    def update(self, rows: Lesson, *, old: Lesson | None = None) -> Self:
        """Learn further rows, and go on answering them among the labels that were known as before."""
        known = np.flatnonzero(self.counts_ > 0)
        logits = self.head_.logits(self.scaling_(rows.features))[:, known]
        teacher = Teacher(softmax(logits / self.temperature), known, self.strength, self.temperature)
        self._learn(rows, Kept(teacher=teacher))
        return self
