"""Squared error of one number a row."""

import torch

from metier.training.batch import Batch, known_labels
from metier.training.objectives.objective import Objective


def squared_error() -> Objective:
    """Give the mean squared error as an objective; targets are one number a row, best of mean 0 and spread 1."""

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        scores = model(batch).float()[:, 0]
        return torch.nn.functional.mse_loss(scores, known_labels(batch).float())

    return objective
