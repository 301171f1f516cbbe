"""Where the parts of an encoder are, found from its structure and behaviour, not from a list of names.

Layers are the largest list of equal modules. What a linear layer is for shows in one run over a few tokens: those that
read the same states side by side are queries, keys, values or gates; one that reads alone and writes states as wide as
the encoder ends a sublayer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

KEYS = ("key", "k_proj", "k_lin", "key_proj", "k")
VALUES = ("value", "v_proj", "v_lin", "value_proj", "v")


def blocks_of(encoder: torch.nn.Module) -> torch.nn.ModuleList:
    """Give the layers, the lowest first: the largest list of modules of one class."""
    lists = [
        module
        for module in encoder.modules()
        if isinstance(module, torch.nn.ModuleList) and len({type(block) for block in module}) == 1
    ]
    weights = {id(each): sum(weight.numel() for weight in each.parameters()) for each in lists}
    return max(lists, key=lambda each: weights[id(each)])


def linear_layers(model: Any, *, lowest: int = 0) -> list[str]:
    """Give the names of the linear layers inside lists of layers: of all but those that give logits.

    A convolution of one place is one: it multiplies what stands there by a matrix.

    Parameters
    ----------
    lowest : int
        Layers below this one, counted from 0, are left out.
    """
    inside = {
        id(part)
        for module in model.modules()
        if isinstance(module, torch.nn.ModuleList)
        for part in module.modules()
    }
    if lowest:
        inside -= {id(part) for block in blocks_of(model)[:lowest] for part in block.modules()}
    return [
        name
        for name, module in model.named_modules()
        if id(module) in inside and (isinstance(module, torch.nn.Linear | Conv1D) or _is_pointwise(module))
    ]


def keys_and_values(model: Any) -> list[str]:
    """Give the names of the linear layers that make keys and values."""
    return [name for name in linear_layers(model) if name.rpartition(".")[2] in (*KEYS, *VALUES)]


def sublayer_outputs(encoder: Any) -> list[str]:
    """Give the names of the linear layers that end a sublayer, attention or feed-forward: two a layer, mostly."""
    names = linear_layers(encoder)
    modules = dict(encoder.named_modules())
    width = int(encoder.config.hidden_size)
    read: dict[str, torch.Tensor] = {}  # Held on to, so that no memory is given out twice.
    with _watched([(name, modules[name]) for name in names], read):
        run_once(encoder)
    places = [tensor.data_ptr() for tensor in read.values()]
    return [
        name
        for name, tensor in read.items()
        if places.count(tensor.data_ptr()) == 1 and _sizes(modules[name])[1] == width
    ]


def inner_states(encoder: Any) -> list[str]:
    """Give the names of the linear layers that end a feed-forward network: they read wider states than they write."""
    modules = dict(encoder.named_modules())
    sizes = {name: _sizes(modules[name]) for name in sublayer_outputs(encoder)}
    return [name for name, (read, written) in sizes.items() if read > written]


def run_once(encoder: Any) -> None:
    """Run an encoder over a few tokens, without learning."""
    was_training = encoder.training
    encoder.eval()
    ids = torch.zeros((1, 3), dtype=torch.int64, device=next(encoder.parameters()).device)
    written = {"decoder_input_ids": ids} if encoder.config.is_encoder_decoder else {}
    with torch.no_grad():
        try:
            encoder(input_ids=ids, attention_mask=torch.ones_like(ids), **written)
        finally:
            encoder.train(was_training)


def _is_pointwise(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1


def _sizes(module: Any) -> tuple[int, int]:
    """How wide the states are that a linear layer reads and writes."""
    sizes = tuple(module.weight.shape)
    return sizes if isinstance(module, Conv1D) else sizes[::-1]  # type: ignore[return-value]


@contextmanager
def _watched(modules: list[tuple[str, torch.nn.Module]], read: dict[str, torch.Tensor]) -> Iterator[None]:
    def noting(name: str) -> Callable[..., None]:
        def note(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            read[name] = given[0]

        return note

    handles = [module.register_forward_pre_hook(noting(name)) for name, module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
