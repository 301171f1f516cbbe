"""Attention over several rows that stand behind one another in one sequence, none of which sees another.

Rows of unequal length need no padding so: every product of a layer runs over the tokens there are, and attention alone runs
row by row (block-diagonal, Krell et al., "Efficient sequence packing without cross-contamination", 2021, arXiv:2107.02027).
Positions start at 0 in each row. transformers asks for attention by name, so the layers of an architecture stay its own;
whether one keeps to that interface is tried before it is relied on (`transformer.generation.packed_rows`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface

PACKED = "metier_packed"
_BOUNDS: ContextVar[Sequence[int] | None] = ContextVar("where the rows of a sequence begin", default=None)


@contextmanager
def rows_apart(bounds: Sequence[int]) -> Iterator[None]:
    """Let the rows of a sequence see only themselves.

    Parameters
    ----------
    bounds : sequence of int of length n_rows + 1
        Where each row begins, and where the last one ends.
    """
    token = _BOUNDS.set(bounds)
    try:
        yield
    finally:
        _BOUNDS.reset(token)


def bounds_here() -> Sequence[int]:
    """Give where the rows of the sequence begin that is read now."""
    bounds = _BOUNDS.get()
    assert bounds is not None, "a sequence is read whose rows are not known"
    return bounds


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Give causal attention row by row, in the form in which transformers asks for it.

    Parameters
    ----------
    query, key, value : Tensor of shape (1, n_heads, n_tokens, size)
        Keys and values may have fewer heads, each for a group of queries.

    Returns
    -------
    Tensor of shape (1, n_tokens, n_heads, size), and None for the weights

    Raises
    ------
    ValueError
        If an architecture asks for attention of another kind.
    """
    if more.get("softcap") is not None or more.get("s_aux") is not None:
        raise ValueError("capped attention is not computed here")
    bounds = _BOUNDS.get() or (0, query.shape[2])
    attended = [
        torch.nn.functional.scaled_dot_product_attention(
            query[:, :, first:end],
            key[:, :, first:end],
            value[:, :, first:end],
            is_causal=True,
            scale=scaling,
            dropout_p=dropout if module.training else 0.0,
            enable_gqa=key.shape[1] != query.shape[1],
        )
        for first, end in pairwise(bounds)
    ]
    return torch.cat(attended, dim=2).transpose(1, 2).contiguous(), None


# No mask is registered under the name, so transformers makes none.
AttentionInterface.register(PACKED, attend)
