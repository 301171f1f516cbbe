"""Elastic weight consolidation: important weights stay near their old values."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from metier.training.batch import Batch, Embeds, Rows
from metier.training.objectives.learning import LABELS, Learning
from metier.training.objectives.objective import Objective, unwrapped, watched_logits

# The diagonal is a mean over rows; more of them sharpen it little and each costs a pass there and back.
ROWS_OF_FISHER = 100


@dataclass(frozen=True)
class Anchor:
    """Where weights were, and how much the answers hung on each.

    Parameters
    ----------
    weights, importance : mapping of str to Tensor
        By the names the model has for its weights; word vectors are not among them. They move only where a word
        occurs, and training sees a cut of their table.
    """

    weights: Mapping[str, torch.Tensor]
    importance: Mapping[str, torch.Tensor]

    @classmethod
    def of(
        cls,
        model: torch.nn.Module,
        rows: Rows,
        *,
        learning: Learning = LABELS,
        most: int = ROWS_OF_FISHER,
        random_state: int = 0,
    ) -> "Anchor":
        """Hold a headed encoder as it is; the importance is the diagonal of the Fisher information on old rows.

        The rows must be of what is to be kept: those that are learned now say what the new task hangs on, and holding
        that protects nothing old. Of each row's log-likelihood the gradient is squared; the label is drawn from the
        model's own answer [1]_, so the rows need none.

        Parameters
        ----------
        learning : Learning
            What the logits mean.
        most : int
            Rows that are looked at.

        References
        ----------
        .. [1] Kunstner, Balles and Hennig, "Limitations of the empirical Fisher approximation", 2019,
           arXiv:1905.12558, on why not the given label.
        """
        held = _held(model)
        importance = {name: torch.zeros_like(weight) for name, weight in held.items()}
        picked = np.random.default_rng(random_state).permutation(len(rows.lengths))[:most]
        generator = torch.Generator().manual_seed(random_state)
        was_training = model.training
        model.eval()
        for position in picked:
            batch = rows.batch(np.array([position])).to(next(model.parameters()).device)
            with watched_logits(model) as seen:
                model(batch)
            likelihood = learning.drawn(seen[0], batch, generator)
            slopes = torch.autograd.grad(likelihood, list(held.values()), allow_unused=True)
            for name, slope in zip(held, slopes, strict=True):
                if slope is not None:
                    importance[name] += slope.detach().float() ** 2 / len(picked)
        model.train(was_training)
        return cls({name: weight.detach().clone() for name, weight in held.items()}, importance)

    def penalty(self, model: torch.nn.Module) -> torch.Tensor:
        """Give half the sum of squared distances, each times its importance."""
        moved = [
            (
                self.importance[name].to(weight.device) * (weight - self.weights[name].to(weight.device)) ** 2
            ).sum()
            for name, weight in _held(model).items()
            if name in self.weights
        ]
        return torch.stack(moved).sum() / 2


def elastic_weights(objective: Objective, anchor: Anchor, *, weight: float = 1.0) -> Objective:
    """Give an objective that adds how far weights are from an anchor [1]_.

    Parameters
    ----------
    weight : float, default=1.0
        Lambda of the paper: what the old counts beside the new. The Fisher information is that of one row, so a
        weight of n stands for n rows of what was learned before.

    References
    ----------
    .. [1] Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", 2017, arXiv:1612.00796.
    """

    def anchored(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        return objective(model, batch) + weight * anchor.penalty(model)

    return anchored


def _held(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The weights that train, word vectors left out."""
    inner = unwrapped(model)
    words = {id(weight) for weight in inner.embedding().parameters()} if isinstance(inner, Embeds) else set()
    return {
        name: weight
        for name, weight in inner.named_parameters()
        if weight.requires_grad and id(weight) not in words
    }
