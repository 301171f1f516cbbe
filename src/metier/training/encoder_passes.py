"""How an encoder is run while it trains: with which attention, and whether its layers are computed twice.

Attention is torch's fused one, or the plain products, softmax and products, whichever trains faster.

On a CPU that multiplies bf16, fine-tuning MiniLM without dropout took two thirds of the time with the plain form
(`python -m benchmarks.training_speed --ablation`): the backward pass of the fused one is not written for bf16
there. The plain form writes a square of numbers for each row and head, which costs more than it saves where rows are
long (`python -m benchmarks.sizes` times both at each length). In fp32 the two are level on short rows, and on a GPU the
fused one wins.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

PLAIN, FUSED = "eager", "sdpa"
LONGEST_PLAIN = 256  # Tokens a row.


@contextmanager
def fastest_attention(encoder: torch.nn.Module, lengths: np.ndarray | None = None) -> Iterator[None]:
    """Let an encoder train with the attention that is fastest on its device, and put its own back.

    Parameters
    ----------
    lengths : ndarray of int of shape (n_rows,), optional
        Tokens of each row that will be read; the form is chosen for the rows that hold most of the tokens. None: rows
        are short.
    """
    is_on_cpu = next(encoder.parameters()).device.type == "cpu"
    before = encoder.config._attn_implementation if isinstance(encoder, PreTrainedModel) else None
    if before != FUSED or not is_on_cpu or (lengths is not None and _are_long(lengths)):
        yield
        return
    encoder.set_attn_implementation(PLAIN)
    try:
        yield
    finally:
        encoder.set_attn_implementation(before)


def _are_long(lengths: np.ndarray) -> bool:
    return bool(2 * lengths[lengths > LONGEST_PLAIN].sum() > lengths.sum())


@contextmanager
def recomputed(encoder: Any, wanted: bool) -> Iterator[None]:
    """Compute each layer again on the way back instead of keeping what it gave (Chen et al., 2016).

    A third more time for a fraction of the memory: for a base or texts that do not fit otherwise.
    """
    if not wanted:
        yield
        return
    kept = encoder.config.to_dict().get("use_cache")
    encoder.config.use_cache = False  # Of a text that is read whole nothing is kept for a next word.
    encoder.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    try:
        yield
    finally:
        encoder.activation_checkpointing_disable()
        encoder.disable_input_require_grads()  # Its hooks stay otherwise, and a model with them cannot be copied.
        encoder.config.use_cache = kept
