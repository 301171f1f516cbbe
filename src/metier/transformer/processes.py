"""Several processes that train one model: how many there are, and what they must agree on.

Every process runs the same fit on the same rows; in the loop each takes its share of the batches and gradients
are averaged. Whatever a clock or a rounding could decide differently is decided by the first process: a
process that took one step more would wait for the others for ever.
"""

import os

import torch


def n_processes() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process writes, exports and speaks for all."""
    return int(os.environ.get("RANK", "0")) == 0


def agree(value: float) -> float:
    """Give the first process's value; a process by itself has its own."""
    if n_processes() == 1 or not torch.distributed.is_initialized():
        return value
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    shared = torch.tensor([value], dtype=torch.float64, device=device)
    torch.distributed.broadcast(shared, src=0)
    return float(shared[0])
