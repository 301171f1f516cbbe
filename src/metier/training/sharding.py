"""Weights that are shared out among processes while they train: FSDP, by torch's `fully_shard`.

Each process keeps a part of every weight, of its gradient and of the optimizer's moments. A unit (a layer, as a rule)
is put together for its pass and taken apart again. `accelerate` shares weights out on GPUs alone, and leaves a model so; of
it we take the settings.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import FullyShardedDataParallelPlugin
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.fsdp.wrap import size_based_auto_wrap_policy

from metier.bases.adaptation.layer_discovery import blocks_of
from metier.errors import SettingsError
from metier.training.processes import n_processes
from metier.training.weights import SharedOut


class Shards(SharedOut):
    """A part of every weight in each process.

    Parameters
    ----------
    model : Module
        Shared out in place.

    Raises
    ------
    SettingsError
        If the settings name a class of layers that the model has not.
    """

    def _share_out(self, model: torch.nn.Module) -> None:
        settings = FullyShardedDataParallelPlugin()
        self._units = _units(model, settings)
        mesh = init_device_mesh(self._accelerator.device.type, (n_processes(),))
        for unit in (*self._units, model):
            fully_shard(unit, mesh=mesh)
        self._reshards = bool(settings.reshard_after_forward)
        self._keep_after_forward(not self._reshards)

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

    @property
    def _root(self) -> FSDPModule:
        assert isinstance(self.model, FSDPModule)
        return self.model

    def _keep_after_forward(self, wanted: bool) -> None:
        for unit in self._units:
            unit.set_reshard_after_forward(not wanted, recurse=False)
        # What is in no unit is wanted again as soon as the way back begins.
        self._root.set_reshard_after_forward(False, recurse=False)


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
