"""Learned keys and values before those of the text, in every layer (Li and Liang, "Prefix-tuning", 2021,
arXiv:2101.00190).

Every token can look at them, and none of them is a token, so nothing grows longer. They stand in the attention itself: a
form of it that transformers is given by name, and that exports as the plain one does. We learn keys and values as they
are; the paper makes them of smaller vectors by a network while it trains.
"""

from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from metier.bases.adaptation.adaptation import Adaptation, Adapted, freeze, has_no_place, seeded
from metier.bases.adaptation.adapter import InPlace
from metier.bases.adaptation.initial_state import put_state, writes_on
from metier.bases.adaptation.inserted import Part, check_plain, put_in
from metier.bases.adaptation.layer_discovery import run_once

ATTENTION = "metier_prefix"
SPREAD = 0.02


class PrefixVectors(Adaptation):
    """So many keys and values in each layer.

    Without the paper's network over them they want large steps: a hundred times our rate, about 2e-2. On held-out rows
    of ncbi_disease (1,000 to learn from, two epochs) that reached .45 F1 and a third of it .41; on banking77 .850 and .846.
    """

    is_mergeable = False
    rate_factor = 100.0

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Put keys and values in; nothing else trains."""
        if writes_on(encoder):
            return put_state(encoder, self.name, random_state=random_state)
        if not isinstance(encoder, PreTrainedModel):
            raise has_no_place(self.name, encoder, "its attention implementation cannot be replaced", "lora:8")
        check_plain(encoder, self.name)
        freeze(encoder)
        places = _attending(encoder)
        if not places:
            raise has_no_place(self.name, encoder, "it has an attention implementation of its own", "lora:8")
        with seeded(random_state):
            for module, (n_heads, size) in places.items():
                put_in(module, PrefixPart(self.size, n_heads, size), self.name)
        return InPlace(encoder)


class PrefixPart(Part):
    """Keys and values of one layer, of shape (n_heads, n_vectors, head_size)."""

    def __init__(self, n_vectors: int, n_heads: int, size: int):
        super().__init__()
        self.keys = torch.nn.Parameter(torch.randn(n_heads, n_vectors, size) * SPREAD)
        self.values = torch.nn.Parameter(torch.randn(n_heads, n_vectors, size) * SPREAD)


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attend to the prefix of a module and to the text; of shape (n_texts, n_tokens, n_heads, head_size)."""
    part = next((own for own in module.children() if isinstance(own, PrefixPart)), None)
    if part is not None:
        rows = key.shape[0]
        key = torch.cat([part.keys.to(key.dtype).unsqueeze(0).expand(rows, -1, -1, -1), key], dim=2)
        value = torch.cat([part.values.to(value.dtype).unsqueeze(0).expand(rows, -1, -1, -1), value], dim=2)
    shared = query.shape[1] // key.shape[1]
    if shared > 1:
        key, value = key.repeat_interleave(shared, dim=1), value.repeat_interleave(shared, dim=1)
    scores = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        own = attention_mask
        if part is not None:  # Nothing is added to what looks at the prefix.
            nothing = torch.zeros_like(own[..., :1]).expand(-1, -1, -1, part.keys.shape[1])
            own = torch.cat([nothing, own], dim=-1)
        scores = scores + own
    weights = torch.nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = torch.nn.functional.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), None


# transformers picks a form of attention by name, and the form of the mask with it.
ALL_ATTENTION_FUNCTIONS.register(ATTENTION, attend)
ALL_MASK_ATTENTION_FUNCTIONS.register(ATTENTION, ALL_MASK_ATTENTION_FUNCTIONS["eager"])


def _attending(encoder: Any) -> dict[torch.nn.Module, tuple[int, int]]:
    """Give the modules that attend, each with its number of heads and their size, and leave the encoder with our form."""
    found: dict[torch.nn.Module, tuple[int, int]] = {}

    def note(module: Any, query: torch.Tensor, key: torch.Tensor, *given: Any, **kwargs: Any) -> Any:
        found[module] = (key.shape[1], key.shape[3])
        return attend(module, query, key, *given, **kwargs)

    ALL_ATTENTION_FUNCTIONS.register(ATTENTION, note)
    try:
        encoder.set_attn_implementation(ATTENTION)
        run_once(encoder)
    finally:
        ALL_ATTENTION_FUNCTIONS.register(ATTENTION, attend)
    return found
