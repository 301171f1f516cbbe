"""Cross-entropy of where an answer begins and of where it ends (Devlin et al., 2019, section 4.2)."""

import torch

from metier.training.batch import Batch, known_labels
from metier.training.objectives.objective import Objective


def span_cross_entropy() -> Objective:
    """Give the mean negative log-likelihood of first and last tokens as an objective.

    The model gives scores of shape (n_windows, n_tokens, 2), a batch's labels are of shape (n_windows, 2): first and
    last token of the answer, token 0 twice where the window does not hold it.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        scores = model(batch).float()
        # Positions are the classes: (n_windows, n_tokens, 2) against (n_windows, 2).
        return torch.nn.functional.cross_entropy(scores, known_labels(batch))

    return objective
