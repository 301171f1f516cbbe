"""Supervised contrast: vectors of one label together, of different labels apart."""

import torch

from metier.training.batch import Batch, known_labels
from metier.training.objectives.objective import Objective, watched_vectors


def supervised_contrastive(objective: Objective, *, weight: float = 0.3, temperature: float = 0.3) -> Objective:
    """Give an objective to which the contrast of the pooled vectors is mixed in [1]_.

    Parameters
    ----------
    objective : Objective
        The vectors of its first pass are used, so the contrast costs nothing.
    weight : float, default=0.3
        Share of the contrast, 0 to 1; the objective has the rest.
    temperature : float, default=0.3
        What cosines are divided by.

    References
    ----------
    .. [1] Gunel et al., "Supervised contrastive learning for pre-trained language model fine-tuning", 2021,
       arXiv:2011.01403.
    """

    def contrasted(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        with watched_vectors(model) as seen:
            loss = objective(model, batch)
        return (1 - weight) * loss + weight * contrastive_loss(
            seen[0], known_labels(batch), temperature=temperature
        )

    return contrasted


def contrast(*, temperature: float = 0.1) -> Objective:
    """Give the contrast alone as an objective [1]_, for a model whose answers are vectors.

    References
    ----------
    .. [1] Khosla et al., "Supervised contrastive learning", 2020, arXiv:2004.11362, their L_out.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        return contrastive_loss(model(batch).float(), known_labels(batch), temperature=temperature)

    return objective


def contrastive_loss(vectors: torch.Tensor, labels: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """Give the mean over rows of how badly each finds those of its label among the batch.

    Parameters
    ----------
    vectors : Tensor of shape (n_rows, hidden_size)
        Of any length.
    labels : Tensor of int64 of shape (n_rows,), or of probabilities of shape (n_rows, n_classes)
        A row without another row of its label is left out. Of probabilities the greatest is its label.
    """
    if labels.dim() > 1:
        labels = labels.argmax(dim=1)
    vectors = torch.nn.functional.normalize(vectors.float(), dim=1)
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    # The least number and not minus infinity: what is left out below would be 0 times infinity.
    # In full precision also under bf16: three digits of a cosine are too few once it is divided by a temperature.
    with torch.autocast(vectors.device.type, enabled=False):
        similarities = (vectors @ vectors.T / temperature).masked_fill(itself, torch.finfo(vectors.dtype).min)
    log_shares = similarities.log_softmax(dim=1)
    mates = (labels[:, None] == labels[None, :]) & ~itself
    n_mates = mates.sum(dim=1)
    has_mates = n_mates > 0
    if not has_mates.any():  # Nothing to find; the sum keeps the step's graph whole.
        return vectors.sum() * 0.0
    per_row = (log_shares * mates).sum(dim=1)[has_mates] / n_mates[has_mates]
    return -per_row.mean()
