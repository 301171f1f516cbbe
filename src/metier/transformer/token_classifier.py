"""An encoder and a linear head on every token, as one module that trains, and the rows it trains on."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.predictors.tokenization import pad
from metier.transformer.batching import TokenisedRows
from metier.transformer.objectives.token_cross_entropy import UNTAGGED


class TokenClassifier(torch.nn.Module):
    """Logits of the tags of tokens.

    Parameters
    ----------
    encoder : PreTrainedModel
    n_tags : int
        The head starts near zero: no tag is believed in before a row is seen.
    """

    def __init__(self, encoder: torch.nn.Module, n_tags: int, *, seed: int = 0):
        super().__init__()
        self.encoder = encoder
        self.head = torch.nn.Linear(int(encoder.config.hidden_size), n_tags)  # type: ignore[union-attr, arg-type]
        torch.nn.init.normal_(self.head.weight, std=0.02, generator=torch.Generator().manual_seed(seed))
        torch.nn.init.zeros_(self.head.bias)

    @property
    def pad_id(self) -> int:
        """Token id of padding, as the encoder's configuration has it."""
        return int(self.encoder.config.pad_token_id or 0)  # type: ignore[union-attr, arg-type]

    def set_dropout(self, share: float) -> None:
        """Set the share of activations that every dropout of the encoder zeroes while training, 0 to 1."""
        for module in self.encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = share

    def forward(self, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give logits of shape (n_rows, n_tokens, n_tags)."""
        return self.head(self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state)  # type: ignore[no-any-return]

    def run(self, rows: Sequence[Any]) -> list[np.ndarray]:
        """Give the logits of some rows of token ids without learning, one array of shape (n_tokens, n_tags) each."""
        was_training = self.training
        self.eval()
        device = self.head.weight.device
        input_ids, mask = (torch.from_numpy(part).to(device) for part in pad(rows, pad_id=self.pad_id))
        with torch.inference_mode():
            logits = self(input_ids, mask).float().cpu().numpy()
        self.train(was_training)
        return [values[: len(ids)] for values, ids in zip(logits, rows, strict=True)]


class TokenStates(torch.nn.Module):
    """An encoder that gives the state of every token: what is exported; the head is applied outside."""

    def __init__(self, encoder: torch.nn.Module):
        super().__init__()
        self.encoder = encoder
        self.has_types = "token_type_ids" in inspect.signature(encoder.forward).parameters

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Give the states, a Tensor of shape (n_texts, n_tokens, hidden_size)."""
        types = {"token_type_ids": torch.zeros_like(input_ids)} if self.has_types else {}
        states: torch.Tensor = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, **types
        ).last_hidden_state
        return states


@dataclass(frozen=True)
class TaggedRows(TokenisedRows):
    """Windows of texts with the tag of each token.

    Parameters
    ----------
    tags : sequence of ndarray of int64 of shape (n_tokens,)
        `UNTAGGED` for tokens that have none; one array a row.
    """

    tags: Sequence[np.ndarray] = ()

    def _labels(self, positions: np.ndarray, width: int) -> torch.Tensor:
        labels = np.full((len(positions), width), UNTAGGED, dtype=np.int64)
        for row, position in enumerate(positions.tolist()):
            tags = self.tags[position]
            labels[row, : len(tags)] = tags
        return torch.from_numpy(labels)
