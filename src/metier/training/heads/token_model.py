"""What models of texts have in common: an encoder of tokens with a head, in `encoder` and `head`."""

from typing import Any

import numpy as np
import torch

from metier.bases.embedding import mean_pool
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.heads.ridge_probe import Unit

# Answering holds no activations for a backward pass, so batches may be larger than in training.
ANSWERING_BUDGET = 4096


class TokenModel(torch.nn.Module):
    """A Module that reads a `TokenBatch`; a special case has a head and says what is made of the states.

    Parameters
    ----------
    encoder : PreTrainedModel
    """

    head: Any

    def __init__(self, encoder: Any):
        super().__init__()
        self.encoder = encoder

    @property
    def pad_id(self) -> int:
        """Token id of padding, as the encoder's configuration has it."""
        return int(self.encoder.config.pad_token_id or 0)

    def set_dropout(self, share: float) -> None:
        """Set the share of activations that every dropout of the encoder zeroes while training, 0 to 1."""
        for module in self.encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = share

    def embedding(self) -> torch.nn.Module:
        """The module that gives word vectors."""
        return self.encoder.get_input_embeddings()

    def positions(self, batch: TokenBatch) -> torch.Tensor:
        """1 for tokens, 0 for padding."""
        return batch.mask

    def states(self, batch: TokenBatch) -> torch.Tensor:
        """Give the last hidden state of every token, of shape (n_texts, n_tokens, hidden_size)."""
        return self.encoder(input_ids=batch.input_ids, attention_mask=batch.mask).last_hidden_state

    def logits(self, rows: TokenisedRows) -> np.ndarray:
        """Give the logits of rows without learning, an ndarray of float64 of shape (n_rows, n_logits)."""
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        was_training, device = self.training, next(self.encoder.parameters()).device
        self.eval()
        with torch.inference_mode():
            for positions, batch in rows.in_order_of_length(ANSWERING_BUDGET):
                parts.append((positions, self(batch.to(device)).float().cpu().numpy()))
        self.train(was_training)
        answers = np.empty((len(rows.ids), parts[0][1].shape[1]), dtype=np.float64)
        for positions, found in parts:
            answers[positions] = found
        return rows.mean(answers)


class TokensIn(torch.nn.Module):
    """A model of tokens as it is exported: two arrays in, one Tensor out.

    Parameters
    ----------
    model : TokenModel
    """

    def __init__(self, model: TokenModel):
        super().__init__()
        self.model = model

    @property
    def encoder(self) -> Any:
        """The encoder inside."""
        return self.model.encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Give what the model gives for a batch of these."""
        answers: torch.Tensor = self.model(TokenBatch(input_ids, attention_mask))
        return answers


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
