"""Layers that are divided among processes while they train: tensor parallelism, by torch's `parallelize_module`.

Each process computes some heads of every attention and some units of every feed-forward network, and has their weights,
gradients and moments alone; `bases.adaptation.divided_layers` says which layers these are. Embeddings, norms, heads and
what else there is are the same in all processes, and stay so: all learn from the same rows, with the same seeds, and the
sums that end each sublayer are the same everywhere.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.utils import get_total_norm
from transformers import PreTrainedModel

from metier.bases.adaptation.divided_layers import DIVIDED, Division, division_faults
from metier.errors import SettingsError
from metier.training.processes import n_processes
from metier.training.weights import Groups, SharedOut

# Kernels for many weights at once take no divided ones among others.
ONE_BY_ONE = {"fused": False, "foreach": False}
SMALLEST = 1e-6  # Added to a norm before it divides, as torch does.


class Divided(SharedOut):
    """A part of every layer in each process.

    Parameters
    ----------
    model : Module
        Its layers are divided in place.

    Raises
    ------
    SettingsError
        If the processes cannot divide them.
    """

    def _share_out(self, model: torch.nn.Module) -> None:
        parts = [(part, how) for base in _bases_in(model) for part, how in _parts_of(base)]
        mesh = init_device_mesh(self._accelerator.device.type, (n_processes(),))
        for part, how in parts:
            parallelize_module(part, mesh, ColwiseParallel() if how == "by output" else RowwiseParallel())

    def groups(self, groups: Groups) -> Groups:
        """Give the same groups, of this process's parts."""
        return [group | ONE_BY_ONE for group in super().groups(groups)]

    def alone(self) -> AbstractContextManager[Any]:
        """A backward pass like any other: gradients of divided layers are of no other process."""
        return nullcontext()

    def clip(self, weights: Sequence[torch.Tensor], most: float) -> float:
        """Scale gradients down to a norm, and give what it was: of all parts of what is divided, once of the rest."""
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        divided = [each.to_local() for each in gradients if _is_divided(each)]
        same = [
            each.full_tensor() if isinstance(each, DTensor) else each
            for each in gradients
            if not _is_divided(each)
        ]
        square = get_total_norm(divided).to(self._accelerator.device) ** 2
        torch.distributed.all_reduce(square)
        norm = (square + get_total_norm(same).to(square) ** 2).sqrt()
        factor = (most / (norm + SMALLEST)).clamp(max=1.0)
        for each in gradients:
            (each.to_local() if isinstance(each, DTensor) else each).mul_(factor.to(each.dtype))
        return float(norm)


def _is_divided(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, DTensor) and any(placement.is_shard() for placement in tensor.placements)


def _bases_in(model: torch.nn.Module) -> list[PreTrainedModel]:
    """Give the outermost pretrained models in a model; one of an unknown architecture, or that does not divide, raises."""
    found = [module for module in model.modules() if isinstance(module, PreTrainedModel)]
    inner = {id(part) for module in found for part in module.modules() if part is not module}
    bases = [module for module in found if id(module) not in inner]
    faults = [fault for base in bases for fault in division_faults(base.config.to_dict(), n_processes())]
    if not bases:
        faults = ["it holds no pretrained transformer whose layers could be divided. Use --parallel data"]
    if faults:
        raise SettingsError(faults, origin="The base")
    return bases


def _parts_of(base: PreTrainedModel) -> Iterator[tuple[torch.nn.Module, Division]]:
    """Give the linear layers that are divided, and how; of low-rank matrices the one at the divided end."""
    layers = DIVIDED[base.config.model_type]
    for name, module in base.named_modules():
        how = layers.division_of(name)
        if how is None:
            continue
        if isinstance(module, LoraLayer):
            yield module.get_base_layer(), how
            for matrix in (module.lora_B if how == "by output" else module.lora_A).values():
                yield matrix, how
        elif isinstance(module, torch.nn.Linear):
            yield module, how
