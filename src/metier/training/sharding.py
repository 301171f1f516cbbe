"""Weights that are shared out among processes while they train: FSDP, by torch's `fully_shard`.

Each process keeps a part of every weight, of its gradient and of the optimizer's moments. A unit (a layer, as a rule)
is put together for its pass and taken apart again. The model stays the same object, with the same modules and names,
so hooks, objectives and adaptations find what they look for; once training is over it is whole, in the parameters that
it came with. `accelerate` shares weights out on GPUs alone, and leaves a model so; of it we take the settings.

A weight, a gradient or a moment that is shared out is a `DTensor`. What reads or writes them here does so in every
process at once, and does nothing to a tensor that is whole.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import FullyShardedDataParallelPlugin
from torch.distributed._composable_state import _module_state_mapping
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.fsdp.wrap import size_based_auto_wrap_policy
from torch.distributed.tensor import DTensor, distribute_tensor

from metier.bases.adaptation.layer_discovery import blocks_of
from metier.errors import SettingsError
from metier.training.processes import n_processes
from metier.training.sharding_settings import asks_for_shards, check_shards

Groups = list[dict[str, Any]]


class Whole:
    """Weights as they are: of one process, or the same in several that exchange gradients.

    Parameters
    ----------
    accelerator : Accelerator
    model : Module

    Attributes
    ----------
    model : Module
        For an objective.
    is_shared_out : bool
        Whether each process has a part only, so that all must read and write at once.
    """

    is_shared_out = False

    def __init__(self, accelerator: Accelerator, model: torch.nn.Module):
        self._accelerator = accelerator
        self.model: torch.nn.Module = accelerator.prepare(model)

    def groups(self, groups: Groups) -> Groups:
        """Give parameter groups of what the optimizer steps on."""
        return groups

    def alone(self) -> AbstractContextManager[Any]:
        """A backward pass whose gradients wait for those of a later one before they are exchanged."""
        return self._accelerator.no_sync(self.model)  # type: ignore[no-any-return]

    def readable(self) -> AbstractContextManager[None]:
        """Let whole weights be read, and any part of the model be run, by all processes."""
        return nullcontext()

    def __enter__(self) -> "Whole":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the model whole."""


class Shards(Whole):
    """Weights of which each process has a part, until the context ends.

    Parameters
    ----------
    model : Module
        Shared out in place.

    Raises
    ------
    SettingsError
        If the settings name a class of layers that the model has not.
    """

    is_shared_out = True

    def __init__(self, accelerator: Accelerator, model: torch.nn.Module):
        settings = FullyShardedDataParallelPlugin()
        # In the form for evaluation it is put on its device and its precision, and wrapped into nothing.
        self.model = accelerator.prepare_model(model, evaluation_mode=True)
        vars(model).pop("_is_accelerate_prepared", None)  # Or a later loop would get it as it is.
        self._before = {module: _Shell(module) for module in model.modules()}
        self._own = dict(model.named_parameters())
        _start_alike(model)
        self._units = _units(model, settings)
        mesh = init_device_mesh(accelerator.device.type, (n_processes(),))
        for unit in (*self._units, model):
            fully_shard(unit, mesh=mesh)
        self._reshards = bool(settings.reshard_after_forward)
        self._keep_after_forward(not self._reshards)
        self._parts = dict(model.named_parameters())
        for weight in self._own.values():  # Its memory is what sharing out saves.
            weight.data = weight.data.new_empty(0)

    def groups(self, groups: Groups) -> Groups:
        """Give the same groups, of this process's parts."""
        part_of = {id(weight): self._parts[name] for name, weight in self._own.items()}
        return [group | {"params": [part_of[id(weight)] for weight in group["params"]]} for group in groups]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A backward pass whose gradients wait for those of a later one before they are exchanged."""
        self._root.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            self._root.set_requires_gradient_sync(True)

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Let whole weights be read, and any part of the model be run, by all processes."""
        self._keep_after_forward(True)
        for unit in (self._root, *self._units):
            unit.unshard()
        yield
        for unit in (self._root, *self._units):
            unit.reshard()
        self._keep_after_forward(not self._reshards)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the model whole; after an error, in which others may not share, of the right shapes only."""
        found = {
            name: torch.empty(part.shape, dtype=part.dtype, device=part.device)
            if kind
            else whole(part.detach())
            for name, part in self._parts.items()
        }
        for module, shell in self._before.items():
            shell.put_back(module)
        for name, weight in self._own.items():
            weight.data, weight.grad = found[name], None

    @property
    def _root(self) -> FSDPModule:
        assert isinstance(self.model, FSDPModule)
        return self.model

    def _keep_after_forward(self, wanted: bool) -> None:
        for unit in self._units:
            unit.set_reshard_after_forward(not wanted, recurse=False)
        # What is in no unit is wanted again as soon as the way back begins.
        self._root.set_reshard_after_forward(False, recurse=False)


class _Shell:
    """What `fully_shard` changes about a module: its class, its hooks and where its weights are."""

    def __init__(self, module: torch.nn.Module):
        self._class = module.__class__
        self._names = set(vars(module))
        self._tables = {
            name: table.copy()
            for name, table in vars(module).items()
            if isinstance(table, dict) and (name == "_parameters" or "_hooks" in name)
        }

    def put_back(self, module: torch.nn.Module) -> None:
        module.__class__ = self._class
        for name in vars(module).keys() - self._names:
            del vars(module)[name]
        # torch remembers modules in a table besides, and would not share them out again.
        _module_state_mapping.pop(module, None)
        for name, table in self._tables.items():
            vars(module)[name].clear()
            vars(module)[name].update(table)


def weights_of(accelerator: Accelerator, model: torch.nn.Module) -> Whole:
    """Give a model's weights as the environment wants them: shared out, or whole in each process.

    Raises
    ------
    CallError
        If FSDP is asked for in a way that cannot be done, see `sharding_settings`.
    """
    if n_processes() == 1 or not asks_for_shards(os.environ):
        return Whole(accelerator, model)
    check_shards(os.environ)
    return Shards(accelerator, model)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Put a tensor together that is shared out."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gathered(tensors: Mapping[str, torch.Tensor], *, keep: bool) -> dict[str, torch.Tensor]:
    """Put tensors together, one after the other; a process that does not keep them only gives its parts."""
    found = {}
    for name, tensor in tensors.items():
        one = whole(tensor)
        if keep:
            found[name] = one
    return found


def like(tensor: torch.Tensor, other: torch.Tensor | None) -> torch.Tensor:
    """Give a tensor where another is, if there is one: on its device, and shared out as it is."""
    if other is None:
        return tensor
    tensor = tensor.to(other.device)
    if isinstance(other, DTensor) and not isinstance(tensor, DTensor):
        return distribute_tensor(tensor, other.device_mesh, other.placements, src_data_rank=None)
    return tensor


def _start_alike(model: torch.nn.Module) -> None:
    """Give every process the first one's weights, as exchanging gradients does by itself."""
    for tensor in (*model.parameters(), *model.buffers()):
        torch.distributed.broadcast(tensor.data, src=0)


def _units(model: torch.nn.Module, settings: FullyShardedDataParallelPlugin) -> list[Any]:
    """Give the modules that are put together one at a time, the inner ones first, by accelerate's wrap policy."""
    policy = settings.auto_wrap_policy
    if policy is None:
        return []
    inside = [module for module in reversed(list(model.modules())) if module is not model and _can_run(module)]
    if policy is size_based_auto_wrap_policy:
        # Word vectors are read outside of their own pass, by heads that write words, and may be a head's weights.
        words = {
            id(weight)
            for each in inside
            if isinstance(each, torch.nn.Embedding)
            for weight in each.parameters()
        }
        weights = {module: list(module.parameters()) for module in inside}
        return [
            module
            for module, own in weights.items()
            if sum(map(torch.numel, own)) > settings.min_num_params and words.isdisjoint(map(id, own))
        ]
    layer = type(blocks_of(model)[0]).__name__
    names = settings.transformer_cls_names_to_wrap or [layer]
    found = [module for module in inside if type(module).__name__ in names]
    if not found:
        fault = (
            f"fsdp_transformer_layer_cls_to_wrap: no part of the model is a {' or '.join(names)}. Its layers are "
            f"{layer}: name that, or none"
        )
        raise SettingsError([fault], origin="The settings of accelerate")
    return found


def _can_run(module: torch.nn.Module) -> bool:
    """Whether it is more than a list of others."""
    return type(module).forward is not torch.nn.ModuleList.forward
