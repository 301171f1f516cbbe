"""R-Drop: two passes under different dropout have to agree."""

import torch

from metier.training.batch import Batch
from metier.training.objectives.objective import AsQuestions, Objective, as_they_are, watched_logits


def r_drop(objective: Objective, *, weight: float = 0.5, questions: AsQuestions = as_they_are) -> Objective:
    """Give an objective that takes the mean of two passes and adds how far their answers are apart [1]_.

    Parameters
    ----------
    objective : Objective
        Evaluated twice; without dropout both passes are one, and only time is lost.
    weight : float, default=0.5
        What the disagreement counts: the mean of the Kullback-Leibler divergences both ways round. The paper adds
        the two losses where we take their mean, so its alpha is twice this.
    questions : callable
        From logits and their batch to what a softmax over the last axis answers: tags of tokens, a yes or no a label.

    References
    ----------
    .. [1] Liang et al., "R-Drop: regularized dropout for neural networks", 2021, arXiv:2106.14448.
    """

    def regularised(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        losses, logits = [], []
        for _ in range(2):
            with watched_logits(model) as seen:
                losses.append(objective(model, batch))
            # Wrapped objectives pass more than once; the first is the plain one.
            logits.append(seen[0])
        return (losses[0] + losses[1]) / 2 + weight * disagreement(*(questions(each, batch) for each in logits))

    return regularised


def disagreement(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Give the mean over rows and both directions of the divergence between two answers in logits."""
    one, other = one.log_softmax(dim=-1), other.log_softmax(dim=-1)
    return ((one.exp() - other.exp()) * (one - other)).sum(dim=-1).mean() / 2
