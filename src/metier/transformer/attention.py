"""Which attention trains fastest: torch's fused one, or the plain products, softmax and products.

On a CPU that multiplies bf16, fine-tuning MiniLM without dropout took two thirds of the time with the plain form
(`python -m benchmarks.training_speed --ablation`): the backward pass of the fused one is not written for bf16
there. In fp32 the two are level, and on a GPU the fused one wins.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

PLAIN, FUSED = "eager", "sdpa"


@contextmanager
def fastest_attention(encoder: torch.nn.Module) -> Iterator[None]:
    """Let an encoder train with the attention that is fastest on its device, and put its own back."""
    before = getattr(encoder.config, "_attn_implementation", None)
    is_on_cpu = next(encoder.parameters()).device.type == "cpu"
    if before != FUSED or not is_on_cpu or not hasattr(encoder, "set_attn_implementation"):
        yield
        return
    encoder.set_attn_implementation(PLAIN)
    try:
        yield
    finally:
        encoder.set_attn_implementation(before)
