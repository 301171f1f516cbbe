"""Which form the weights of a model take while it trains, as the environment of the processes says."""

import os

import torch
from accelerate import Accelerator

from metier.training.parallel_settings import parallel_here
from metier.training.processes import n_processes
from metier.training.sharding import Shards
from metier.training.sharding_settings import check_shards
from metier.training.tensor_parallel import Divided
from metier.training.weights import Whole


def weights_of(accelerator: Accelerator, model: torch.nn.Module) -> Whole:
    """Give a model's weights as the environment wants them: whole in each process, shared out, or divided by layers.

    Raises
    ------
    CallError
        If FSDP is asked for in a way that cannot be done, see `sharding_settings`, or layers that cannot be divided.
    """
    parallel = parallel_here(os.environ)
    if n_processes() == 1 or parallel == "data":
        return Whole(accelerator, model)
    if parallel == "tensor":
        return Divided(accelerator, model)
    check_shards(os.environ)
    return Shards(accelerator, model)
