"""A penalty that an adaptation adds to the loss."""

import torch

from metier.bases.adaptation.adaptation import Adapted
from metier.training.batch import Batch
from metier.training.objectives.objective import Objective


def with_penalty(objective: Objective, adapted: Adapted) -> Objective:
    """Add the penalty of an adaptation to an objective; most have none."""
    if adapted.penalty() is None:
        return objective

    def penalised(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        penalty = adapted.penalty()
        assert penalty is not None
        return objective(model, batch) + penalty

    return penalised
