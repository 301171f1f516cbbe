"""What every objective is: a model and a batch in, a loss out."""

from collections.abc import Callable

import torch

from metier.training.batch import Batch

# Objectives wrap one another: a wrapper takes an objective and gives one.
Objective = Callable[[torch.nn.Module, Batch], torch.Tensor]
# From logits and their batch to those of each question asked of the rows, its choices on the last axis.
AsQuestions = Callable[[torch.Tensor, Batch], torch.Tensor]


def as_they_are(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """One question a row, which label it has."""
    return logits
