"""Binary cross-entropy, each label by itself."""

import torch

from metier.transformer.batching import Batch
from metier.transformer.objectives.objective import Objective


def binary_cross_entropy() -> Objective:
    """Give the mean negative log-likelihood over rows and labels as an objective; targets are 0 and 1 a label."""

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        logits = model(batch.input_ids, batch.mask).float()
        assert batch.labels is not None
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.labels.float())

    return objective
