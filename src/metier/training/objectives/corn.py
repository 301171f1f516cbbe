"""CORN: conditional probabilities of exceeding each grade, each learned from the rows that are not below it."""

import torch

from metier.training.batch import Batch, known_labels
from metier.training.objectives.objective import Objective


def corn() -> Objective:
    """Give the CORN loss [1]_ as an objective; targets are places of grades in their order, from 0 up, or their shares.

    Logit k is that of being above grade k if not below it. A row of grade g is a yes for every k < g, a no for k = g,
    and says nothing of what is above. The loss is the mean binary cross-entropy over all these questions.

    References
    ----------
    .. [1] Shi, Cao and Raschka, "Deep neural networks for rank-consistent ordinal regression based on conditional
       probabilities", 2021, arXiv:2111.08851.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        return corn_loss(model(batch).float(), known_labels(batch))

    return objective


def corn_loss(logits: torch.Tensor, grades: torch.Tensor) -> torch.Tensor:
    """Give the mean loss of logits of shape (n_rows, n_grades - 1).

    Parameters
    ----------
    grades : Tensor of shape (n_rows,) or (n_rows, n_grades)
        Places in the order, or how probable each grade is: a question then counts as much as it is asked.
    """
    if grades.dim() > 1:
        reached = grades.float().flip(1).cumsum(1).flip(1)
        is_asked, above = reached[:, :-1], reached[:, 1:]
    else:
        steps = torch.arange(logits.shape[1], device=logits.device)
        is_asked, above = (grades[:, None] >= steps).float(), (grades[:, None] > steps).float()
    yes, no = torch.nn.functional.logsigmoid(logits), torch.nn.functional.logsigmoid(-logits)
    return -(above * yes + (is_asked - above) * no).sum() / is_asked.sum()
