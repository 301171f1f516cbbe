"""Cross-entropy, with label smoothing where asked."""

import torch

from metier.transformer.batching import Batch
from metier.transformer.objectives.objective import Objective


def cross_entropy(*, label_smoothing: float = 0.0) -> Objective:
    """Give the mean negative log-likelihood of the labels as an objective.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target that is spread over all labels [1]_, 0 to 1. It keeps the logits from growing
        without end on rows that are learned, and blunts labels that are wrong.

    References
    ----------
    .. [1] Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016, arXiv:1512.00567.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        logits = model(batch.input_ids, batch.mask).float()
        return torch.nn.functional.cross_entropy(logits, batch.labels, label_smoothing=label_smoothing)

    return objective
