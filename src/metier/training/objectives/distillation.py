"""Distillation: the answers of a teacher, softened, beside the labels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from metier.training.batch import Batch, known_labels, with_labels
from metier.training.batching import TokenisedRows
from metier.training.objectives.objective import Objective, watched_logits


@dataclass(frozen=True)
class TaughtRows(TokenisedRows):
    """Rows with a label and a teacher's answer each.

    Parameters
    ----------
    teacher : ndarray of shape (n_rows, n_classes)
        Logits, or logarithms of probabilities, which differ by a constant a row that does not count.
    """

    teacher: np.ndarray

    def targets(self) -> Iterator[bytes]:
        """Give the labels and the teacher's answers, for a digest."""
        yield from super().targets()
        yield self.teacher.tobytes()

    def _labels(self, positions: np.ndarray, width: int) -> torch.Tensor:
        """Give the label in the first column and the teacher's logits behind it, of shape (n_rows, 1 + n_classes)."""
        label = super()._labels(positions, width)
        assert label is not None
        rows = positions if self.shares is None else self.shares.owners[positions]
        # float32 holds whole numbers up to 16 million: more labels than any head has.
        return torch.cat([label.float()[:, None], torch.from_numpy(self.teacher[rows]).float()], dim=1)


def distillation(objective: Objective, *, weight: float = 0.5, temperature: float = 2.0) -> Objective:
    """Give an objective that follows a teacher too [1]_; its batches are of `TaughtRows`.

    Parameters
    ----------
    objective : Objective
        Of the labels; the logits of its first pass are used, so the teacher costs nothing.
    weight : float, default=0.5
        Share of the teacher, 0 to 1; the labels have the rest.
    temperature : float, default=2.0
        What both sides' logits are divided by: the higher, the more is learned of what the teacher thinks of the
        labels that it does not choose. The divergence is multiplied by its square, so that its gradient keeps its
        size.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015, arXiv:1503.02531.
    """

    def taught(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        with watched_logits(model) as seen:
            loss = objective(model, with_labels(batch, known_labels(batch)[:, 0].long()))
        follow = divergence(known_labels(batch)[:, 1:], seen[0], temperature=temperature)
        return (1 - weight) * loss + weight * follow

    return taught


def divergence(teacher: torch.Tensor, student: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """Give temperature squared times the mean divergence of the student's softened answers from the teacher's."""
    wanted = (teacher / temperature).log_softmax(dim=1)
    found = (student / temperature).log_softmax(dim=1)
    return temperature**2 * (wanted.exp() * (wanted - found)).sum(dim=1).mean()
