"""Several processes that train one model: how many there are, and how they synchronise.

Every process runs the same fit on the same rows; in the loop each takes its share of the batches and gradients
are averaged. Whatever a clock or a rounding could decide differently is decided by the first process: a
process that took one step more would wait for the others for ever.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs

from metier.errors import CallError
from metier.training.parallel_settings import parallel_here
from metier.training.sharding_settings import LOADING, USE


def n_processes() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def n_shares_of_rows() -> int:
    """Into how many shares the rows go: one a process, or one that all processes learn from."""
    return 1 if parallel_here(os.environ) == "tensor" else n_processes()


def is_first() -> bool:
    """Whether this is the process that writes files, exports and reports."""
    return int(os.environ.get("RANK", "0")) == 0


def agree(value: float) -> float:
    """Give the first process's value; a process by itself has its own."""
    if n_processes() == 1 or not torch.distributed.is_initialized():
        return value
    device = "cuda" if "nccl" in torch.distributed.get_backend() else "cpu"
    shared = torch.tensor([value], dtype=torch.float64, device=device)
    torch.distributed.broadcast(shared, src=0)
    return float(shared[0])


def accelerator_of(mixed_precision: str) -> Accelerator:
    """Give an accelerator of this precision, whatever an earlier loop of this process asked for.

    Raises
    ------
    CallError
        If there are GPUs, and more processes than GPUs.
    """
    if torch.cuda.is_available() and n_processes() > torch.cuda.device_count():
        raise CallError(
            f"{n_processes()} processes train together and this machine has {torch.cuda.device_count()} GPUs, one for "
            "each. Use as many --processes, or hide the GPUs with CUDA_VISIBLE_DEVICES= to train on the CPU."
        )
    # accelerate keeps one precision for a whole process and refuses a second; the processes of a group stay.
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != mixed_precision:
        AcceleratorState._reset_state()
    # A base may have weights that no answer uses, as BERT's pooler: processes must not wait for their gradients.
    handlers = [DistributedDataParallelKwargs(find_unused_parameters=True)] if n_processes() > 1 else []
    with _sharing_out_ourselves():
        return Accelerator(
            mixed_precision=mixed_precision, cpu=not torch.cuda.is_available(), kwargs_handlers=handlers
        )


@contextmanager
def _sharing_out_ourselves() -> Iterator[None]:
    """Keep accelerate from sharing weights out, see `sharding`, and transformers from reading a base in one process."""
    asked = os.environ.pop(USE, None)
    try:
        yield
    finally:
        if asked is not None:
            os.environ |= {USE: asked, LOADING: "false"}
