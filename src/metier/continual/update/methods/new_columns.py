"""Old columns of the head stay as they are: `new_columns.v1`."""

from typing import ClassVar, Self

import numpy as np

from metier.continual.update.methods.method import Lesson
from metier.continual.update.methods.naive import Naive
from metier.continual.update.softmax_regression import NOTHING, Kept


class NewColumns(Naive):
    """Trains the columns of new labels alone, among themselves; encoder and old columns stay frozen (SEQ* [1]_).

    Needs no old rows, and old columns forget nothing; new ones were never compared with them. Where rows bring no new
    label, all columns go on as in `Naive`.

    References
    ----------
    .. [1] Zheng, Qiu and Ma, "Learn or recall? Revisiting incremental learning with pre-trained language models", 2024,
       arXiv:2312.07887.
    """

    name: ClassVar[str] = "new_columns.v1"

    def update(self, rows: Lesson, *, old: Lesson | None = None) -> Self:
        """Learn the rows of new labels in their columns."""
        unknown = self.counts_ == 0
        new = unknown[rows.y]
        if not new.any():
            self._learn(rows, NOTHING)
            return self
        self.counts_ = self.counts_ + np.bincount(rows.y[~new], minlength=len(self.counts_))
        self._learn(rows.take(np.flatnonzero(new)), Kept(free=unknown))
        return self
