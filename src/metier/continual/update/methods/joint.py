"""All rows at once: `joint.v1`, the upper bound."""

from typing import ClassVar, Self

from metier.continual.update.methods.method import Lesson, Needs
from metier.continual.update.methods.naive import Naive
from metier.continual.update.softmax_regression import NOTHING


class Joint(Naive):
    """Multinomial logistic regression on all rows, old and new, as if they had come together."""

    name: ClassVar[str] = "joint.v1"
    needs: ClassVar[Needs] = Needs.ALL

    def update(self, rows: Lesson, *, old: Lesson | None = None) -> Self:
        """Learn further rows beside all old ones."""
        self._learn(rows, NOTHING, beside=old)
        return self
