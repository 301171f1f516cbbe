"""Squared error of one number a row."""

import torch

from metier.training.batching import Batch
from metier.training.objectives.objective import Objective


def squared_error() -> Objective:
    """Give the mean squared error as an objective; targets are one number a row, best of mean 0 and spread 1."""

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        scores = model(batch.input_ids, batch.mask).float()[:, 0]
        assert batch.labels is not None
        return torch.nn.functional.mse_loss(scores, batch.labels.float())

    return objective
