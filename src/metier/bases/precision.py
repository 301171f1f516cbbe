"""The number format of training, by native hardware support; never emulated.

A CPU without bfloat16 units computes bfloat16 products by converting to float32 and back: slower than float32
and less exact. torch does so without saying it, so the units are looked for here. A run decides once, shows what it
decided, and trains and measures within `trained_in`; what is fitted by itself decides for itself.
"""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from metier.machine import describe_machine

NATIVE_NAMES = {"no": "fp32", "bf16": "bf16", "fp16": "fp16"}
_DECIDED: ContextVar[str | None] = ContextVar("precision of the run", default=None)


@functools.cache
def has_native_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AVX512-BF16 or AMX)."""
    return describe_machine().has_bf16


def mixed_precision() -> str:
    """Give the mixed precision that `accelerate` is asked for: `bf16`, `fp16` or `no`.

    What a run decided goes first, then what `accelerate launch --mixed_precision` asks for, then the hardware.
    """
    decided = _DECIDED.get()
    if decided is not None:
        return decided
    asked = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if asked in ("bf16", "fp16"):
        return asked
    return "bf16" if has_native_bfloat16() else "no"


def training_precision() -> str:
    """Give the number format that weights are trained in here: fp32, bf16 or fp16."""
    return NATIVE_NAMES[mixed_precision()]


@contextmanager
def trained_in(precision: str) -> Iterator[None]:
    """Let what trains within do so in a number format that was decided: fp32, bf16 or fp16."""
    [decided] = (asked for asked, name in NATIVE_NAMES.items() if name == precision)
    token = _DECIDED.set(decided)
    try:
        yield
    finally:
        _DECIDED.reset(token)
