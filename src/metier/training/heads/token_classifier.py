"""An encoder and a linear head on every token, as one module that trains, and the rows it trains on."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.features.tokenization import pad
from metier.text.casing import N_CASINGS
from metier.training.batching import TokenisedRows
from metier.training.objectives.token_cross_entropy import UNTAGGED

# A table of weights moves by the learning rate a step; this makes it move as much as a matrix of 384 columns does.
CASING_SCALE = 30.0


class TokenHead(torch.nn.Linear):
    """A linear head, and what the casing of a token adds to each tag.

    Parameters
    ----------
    hidden_size, n_tags : int
        It starts near zero: no tag is believed in before a row is seen.
    """

    def __init__(self, hidden_size: int, n_tags: int, *, seed: int):
        super().__init__(hidden_size, n_tags)
        torch.nn.init.normal_(self.weight, std=0.02, generator=torch.Generator().manual_seed(seed))
        torch.nn.init.zeros_(self.bias)
        self.casing = torch.nn.Parameter(torch.zeros(N_CASINGS, n_tags))

    def of_casing(self, numbers: torch.Tensor) -> torch.Tensor:
        """Give what casings add, of shape (..., n_tags); `numbers` below 0 add nothing."""
        added: torch.Tensor = self.casing[numbers.clamp(min=0)] * CASING_SCALE
        return added * (numbers >= 0).unsqueeze(-1)

    @property
    def casing_weights(self) -> np.ndarray:
        """What each casing adds to each tag, an array of shape (n_casings, n_tags)."""
        weights: np.ndarray = self.casing.detach().cpu().numpy() * CASING_SCALE
        return weights


class TokenClassifier(torch.nn.Module):
    """Logits of the tags of tokens.

    Parameters
    ----------
    encoder : PreTrainedModel
    n_tags : int
    """

    def __init__(self, encoder: torch.nn.Module, n_tags: int, *, seed: int = 0):
        super().__init__()
        self.encoder = encoder
        hidden_size = int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.head = TokenHead(hidden_size, n_tags, seed=seed)

    @property
    def pad_id(self) -> int:
        """Token id of padding, as the encoder's configuration has it."""
        return int(self.encoder.config.pad_token_id or 0)  # type: ignore[union-attr, arg-type]

    def set_dropout(self, share: float) -> None:
        """Set the share of activations that every dropout of the encoder zeroes while training, 0 to 1."""
        for module in self.encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = share

    def forward(
        self, input_ids: torch.Tensor, mask: torch.Tensor, casings: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Give logits of shape (n_rows, n_tokens, n_tags); what casings add is in them where casings are given."""
        states = self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state  # type: ignore[operator]
        logits: torch.Tensor = self.head(states)
        return logits if casings is None else logits + self.head.of_casing(casings)

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
    """Windows of texts with the tag and the casing of each token.

    Parameters
    ----------
    tags, casings : sequence of ndarray of int64 of shape (n_tokens,)
        `UNTAGGED` for tokens that have none; one array a row.
    """

    tags: Sequence[np.ndarray] = ()
    casings: Sequence[np.ndarray] = ()

    def _labels(self, positions: np.ndarray, width: int) -> torch.Tensor:
        labels = np.full((len(positions), width, 2), UNTAGGED, dtype=np.int64)
        for row, position in enumerate(positions.tolist()):
            tags = self.tags[position]
            labels[row, : len(tags), 0] = tags
            labels[row, : len(tags), 1] = self.casings[position]
        return torch.from_numpy(labels)
