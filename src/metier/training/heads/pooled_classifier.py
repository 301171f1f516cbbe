"""An encoder, the mean of its last hidden states, and a linear head, as one module that trains."""

import numpy as np
import torch

from metier.bases.embedding import mean_pool
from metier.training.batching import TokenBatch
from metier.training.heads.ridge_probe import Unit
from metier.training.heads.token_model import TokenModel


class PooledClassifier(TokenModel):
    """Logits of texts.

    Parameters
    ----------
    encoder : PreTrainedModel
    weight, bias : ndarray of shape (n_classes, hidden_size) and (n_classes,)
        Where the head starts.
    normalise : bool
        Whether the pooled vector is scaled to length 1, as the base was trained.
    unit : Unit, optional
        What its logits count in, where they are scores.
    """

    def __init__(
        self,
        encoder: torch.nn.Module,
        weight: np.ndarray,
        bias: np.ndarray,
        *,
        normalise: bool,
        unit: Unit | None = None,
    ):
        super().__init__(encoder)
        self.normalise = normalise
        self.unit = unit
        self.head = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """Give logits of shape (n_texts, n_classes)."""
        pooled = mean_pool(self.states(batch), batch.mask)
        if self.normalise:
            pooled = torch.nn.functional.normalize(pooled, dim=1)
        return self.head(pooled)
