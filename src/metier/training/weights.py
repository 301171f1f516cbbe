"""The weights of a model while it trains: whole in this process, or shared out among several.

The model stays the same object, with the same modules and names, so hooks, objectives and adaptations find what they look
for; once training is over it is whole, in the parameters that it came with. How weights are shared out, `sharding` and
`tensor_parallel` say.

A weight, a gradient or a moment that is shared out is a `DTensor`. What reads or writes them here does so in every
process at once, and does nothing to a tensor that is whole.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

import torch
from accelerate import Accelerator
from torch.distributed._composable_state import _module_state_mapping
from torch.distributed.tensor import DTensor, distribute_tensor

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

    def clip(self, weights: Sequence[torch.Tensor], most: float) -> float:
        """Scale gradients down to a norm, and give what it was."""
        return float(self._accelerator.clip_grad_norm_(weights, most))

    def readable(self) -> AbstractContextManager[None]:
        """Let whole weights be read, and any part of the model be run, by all processes."""
        return nullcontext()

    def __enter__(self) -> "Whole":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the model whole."""


class SharedOut(Whole):
    """Weights of which each process has a part, until the context ends.

    A special case shares them out in `_share_out`.

    Parameters
    ----------
    model : Module
        Shared out in place.
    """

    is_shared_out = True

    def __init__(self, accelerator: Accelerator, model: torch.nn.Module):
        self._accelerator = accelerator
        # In the form for evaluation it is put on its device and its precision, and wrapped into nothing.
        self.model = accelerator.prepare_model(model, evaluation_mode=True)
        vars(model).pop("_is_accelerate_prepared", None)  # Or a later loop would get it as it is.
        self._before = {module: _Shell(module) for module in model.modules()}
        self._own = dict(model.named_parameters())
        _start_alike(model)
        self._share_out(model)
        self._parts = dict(model.named_parameters())
        for name, weight in self._own.items():  # Its memory is what sharing out saves.
            if weight is not self._parts[name]:
                weight.data = weight.data.new_empty(0)

    def _share_out(self, model: torch.nn.Module) -> None:
        raise NotImplementedError

    def groups(self, groups: Groups) -> Groups:
        """Give the same groups, of this process's parts."""
        part_of = {id(weight): self._parts[name] for name, weight in self._own.items()}
        return [group | {"params": [part_of[id(weight)] for weight in group["params"]]} for group in groups]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the model whole; after an error, in which others may not share, of the right shapes only."""
        found = {
            name: torch.empty(part.shape, dtype=part.dtype, device=part.device)
            if kind and isinstance(part, DTensor)
            else whole(part.detach())
            for name, part in self._parts.items()
        }
        for module, shell in self._before.items():
            shell.put_back(module)
        for name, weight in self._own.items():
            weight.data, weight.grad = found[name], None


class _Shell:
    """What sharing out changes about a module: its class, its hooks and where its weights are."""

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
