"""An encoder and a linear head on every token, as one module that trains, and the rows it trains on."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.features.tokenization import pad
from metier.text.casing import N_CASINGS
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.heads.token_model import TokenModel
from metier.training.objectives.token_cross_entropy import UNTAGGED

# A table of weights moves by the learning rate a step; this makes it move as much as a matrix of 384 columns does.
CASING_SCALE = 30.0


class TokenHead(torch.nn.Linear):
    """A linear head, and what the casing of a token adds to each tag.

    Parameters
    ----------
    hidden_size, n_tags : int
        It starts near zero: no tag is preferred before training.
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


@dataclass(frozen=True)
class CasedBatch(TokenBatch):
    """Some texts, and how their tokens are written.

    Parameters
    ----------
    casings : Tensor of int64 of shape (n_rows, n_tokens), optional
        Below 0 for tokens that have none; None: what casings add is left out of the logits.
    """

    casings: torch.Tensor | None = None


class TokenClassifier(TokenModel):
    """Logits of the tags of tokens.

    Parameters
    ----------
    encoder : PreTrainedModel
    n_tags : int
    """

    def __init__(self, encoder: torch.nn.Module, n_tags: int, *, seed: int = 0):
        super().__init__(encoder)
        hidden_size = int(self.encoder.config.hidden_size)
        self.head = TokenHead(hidden_size, n_tags, seed=seed)

    def forward(self, batch: CasedBatch) -> torch.Tensor:
        """Give logits of shape (n_rows, n_tokens, n_tags); what casings add is in them where casings are given."""
        logits: torch.Tensor = self.head(self.states(batch))
        return logits if batch.casings is None else logits + self.head.of_casing(batch.casings)

    def run(self, rows: Sequence[Any]) -> list[np.ndarray]:
        """Give the logits of some rows of token ids without learning, one array of shape (n_tokens, n_tags) each."""
        was_training = self.training
        self.eval()
        device = self.head.weight.device
        batch = CasedBatch(*map(torch.from_numpy, pad(rows, pad_id=self.pad_id))).to(device)
        with torch.inference_mode():
            logits = self(batch).float().cpu().numpy()
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
    soft : sequence of ndarray of float32 of shape (n_tokens, n_tags)
        How probable each tag is, `UNTAGGED` for tokens that have none; empty where the tags are learned.
    """

    tags: Sequence[np.ndarray] = ()
    casings: Sequence[np.ndarray] = ()
    soft: Sequence[np.ndarray] = ()

    def targets(self) -> Iterator[bytes]:
        """Give the tags, for a digest."""
        yield from (tags.tobytes() for tags in (*self.tags, *self.soft))

    def batch(self, positions: np.ndarray) -> CasedBatch:
        """The windows at these positions as one batch; its labels are tags of shape (n_rows, n_tokens)."""
        plain = super().batch(positions)
        width = plain.input_ids.shape[1]
        tags, casings = (
            _padded([own[at] for at in positions], width) for own in (self.soft or self.tags, self.casings)
        )
        return CasedBatch(plain.input_ids, plain.mask, tags, casings)


def _padded(rows: Sequence[np.ndarray], width: int) -> torch.Tensor:
    padded = np.full((len(rows), width, *rows[0].shape[1:]), UNTAGGED, dtype=rows[0].dtype)
    for row, own in enumerate(rows):
        padded[row, : len(own)] = own
    return torch.from_numpy(padded)
