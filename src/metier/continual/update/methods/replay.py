"""New rows beside some old ones: `replay.v1`."""

from typing import ClassVar, Self

import numpy as np

from metier.continual.update.methods.method import Lesson, Needs
from metier.continual.update.methods.naive import Naive
from metier.continual.update.softmax_regression import NOTHING


class Replay(Naive):
    """Learns new rows beside the old ones of a replay store [1]_, each for all that were known of its label.

    The store keeps rows by chance or by herding (`replay_choice`). With twenty rows a label it comes near to learning all
    of them again; what the store keeps is personal data.

    References
    ----------
    .. [1] Chaudhry et al., "On tiny episodic memories in continual learning", 2019, arXiv:1902.10486. There batches are
       half of old rows; here old rows weigh what they stand for.
    """

    name: ClassVar[str] = "replay.v1"
    needs: ClassVar[Needs] = Needs.SOME

    def update(self, rows: Lesson, *, old: Lesson | None = None) -> Self:
        """Learn further rows beside old ones."""
        if old is None or not len(old):
            self._learn(rows, NOTHING)
            return self
        kept = np.bincount(old.y, minlength=len(self.counts_))
        stands_for = self.counts_ / np.maximum(kept, 1)
        self._learn(rows, NOTHING, beside=Lesson(old.features, old.y, np.maximum(stands_for[old.y], 1.0)))
        return self
