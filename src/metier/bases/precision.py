"""The number format of training, by native hardware support; never emulated.

A CPU without bfloat16 units computes bfloat16 products by converting to float32 and back: slower than float32
and less exact. torch does so without saying it, so the units are looked for here.
"""

import os

import torch

NATIVE_NAMES = {"no": "fp32", "bf16": "bf16", "fp16": "fp16"}


def has_native_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AVX512-BF16 or AMX)."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def mixed_precision(device_type: str = "cpu") -> str:
    """Give the mixed precision that `accelerate` is asked for on a kind of device: `bf16`, `fp16` or `no`.

    What `accelerate launch --mixed_precision` asks for overrules the hardware.
    """
    asked = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if asked in ("bf16", "fp16"):
        return asked
    if device_type == "cpu":
        return "bf16" if has_native_bfloat16() else "no"
    if device_type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "no"
