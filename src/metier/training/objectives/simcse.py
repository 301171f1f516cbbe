"""SimCSE: a text finds itself again under other dropout, among the texts of its batch. Needs no labels."""

import torch

from metier.training.batch import Batch
from metier.training.objectives.objective import Objective, watched_vectors


def simcse(*, temperature: float = 0.05) -> Objective:
    """Give the loss of finding each text's second pass among those of the batch [1]_, as an objective.

    For the vectors of a base in a domain of which there are texts and no labels. Dropout is the only noise: without
    it the two passes are one and little is learned.

    Parameters
    ----------
    temperature : float, default=0.05
        What cosines are divided by.

    References
    ----------
    .. [1] Gao, Yao and Chen, "SimCSE: simple contrastive learning of sentence embeddings", 2021,
       arXiv:2104.08821; the unsupervised one, on mean-pooled vectors.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        one, other = (_vectors(model, batch) for _ in range(2))
        similarities = one @ other.T / temperature
        return torch.nn.functional.cross_entropy(
            similarities, torch.arange(len(one), device=similarities.device)
        )

    return objective


def _vectors(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    with watched_vectors(model) as seen:
        model(batch)
    return torch.nn.functional.normalize(seen[0], dim=1)
