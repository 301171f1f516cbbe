"""An encoder, the mean of its last hidden states, and a linear head, as one module that trains."""

import numpy as np
import torch

from metier.bases.embedding import mean_pool
from metier.training.batching import TokenisedRows

# Answering holds no activations for a backward pass, so batches may be larger than in training.
ANSWERING_BUDGET = 4096


class PooledClassifier(torch.nn.Module):
    """Logits of texts.

    Parameters
    ----------
    encoder : PreTrainedModel
    weight, bias : ndarray of shape (n_classes, hidden_size) and (n_classes,)
        Where the head starts.
    normalise : bool
        Whether the pooled vector is scaled to length 1, as the base was trained.
    """

    def __init__(self, encoder: torch.nn.Module, weight: np.ndarray, bias: np.ndarray, *, normalise: bool):
        super().__init__()
        self.encoder = encoder
        self.normalise = normalise
        self.head = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))

    @property
    def pad_id(self) -> int:
        """Token id of padding, as the encoder's configuration has it."""
        return int(self.encoder.config.pad_token_id or 0)

    def set_dropout(self, share: float) -> None:
        """Set the share of activations that every dropout of the encoder zeroes while training, 0 to 1."""
        for module in self.encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = share

    def forward(self, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give logits of shape (n_texts, n_classes)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state
        pooled = mean_pool(hidden, mask)
        if self.normalise:
            pooled = torch.nn.functional.normalize(pooled, dim=1)
        return self.head(pooled)

    def logits(self, rows: TokenisedRows) -> np.ndarray:
        """Give the logits of rows without learning, an ndarray of float64 of shape (n_rows, n_classes)."""
        answers = np.empty((len(rows.ids), self.head.out_features), dtype=np.float64)
        was_training = self.training
        self.eval()
        with torch.inference_mode():
            for positions, batch in rows.in_order_of_length(ANSWERING_BUDGET):
                batch = batch.to(self.head.weight.device)
                answers[positions] = self(batch.input_ids, batch.mask).float().cpu().numpy()
        self.train(was_training)
        return rows.mean(answers)
