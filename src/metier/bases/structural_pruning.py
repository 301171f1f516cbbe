"""Layers, attention heads and feed-forward neurons taken out of an encoder, so that it computes less.

A folder of Hugging Face layout has one width for all layers, and no place for a layer with fewer heads than its
neighbours. So an encoder is saved with zeros where heads were, which plain transformers answers alike with, and
`kept_heads` in its configuration says which of them are left out once more when Metier loads it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from metier.bases.adaptation.layer_discovery import blocks_of
from metier.errors import BaseModelError

# Encoders whose layers name their parts as BERT does.
PRUNABLE_TYPES = ("bert", "roberta", "xlm-roberta", "camembert", "electra")
KEPT_HEADS = "kept_heads"
PROJECTIONS = ("query", "key", "value")


def check_prunable(encoder: Any) -> None:
    """Refuse an encoder whose layers are built otherwise.

    Raises
    ------
    BaseModelError
    """
    kind = encoder.config.model_type
    if kind not in PRUNABLE_TYPES:
        raise BaseModelError(
            f"An encoder of type {kind!r} cannot be pruned; expected one of {', '.join(PRUNABLE_TYPES)}. Use a technique "
            "that leaves its layers alone: int8, vocabulary or static."
        )


def kept_heads(encoder: Any) -> list[list[int]]:
    """Give the heads of each layer, by their numbers in the whole encoder."""
    whole = list(range(encoder.config.num_attention_heads))
    found = encoder.config.to_dict().get(KEPT_HEADS)
    return [list(heads) for heads in found] if found else [list(whole) for _ in blocks_of(encoder)]


def keep_layers(encoder: Any, layers: Sequence[int]) -> None:
    """Leave only these layers, by their places from the lowest, in place."""
    check_prunable(encoder)
    heads, blocks = kept_heads(encoder), blocks_of(encoder)
    encoder.encoder.layer = torch.nn.ModuleList(blocks[layer] for layer in layers)
    encoder.config.num_hidden_layers = len(layers)
    if KEPT_HEADS in encoder.config.to_dict():
        encoder.config.update({KEPT_HEADS: [heads[layer] for layer in layers]})


def keep_heads(encoder: Any, places: Sequence[Sequence[int]]) -> None:
    """Leave only these heads of each layer, by their places among those that it has, in place."""
    check_prunable(encoder)
    known = kept_heads(encoder)
    for block, heads in zip(blocks_of(encoder), places, strict=True):
        attention, size = block.attention, block.attention.self.attention_head_size
        columns = torch.cat([torch.arange(head * size, (head + 1) * size) for head in heads])
        for name in PROJECTIONS:
            attention.self.register_module(name, _written(attention.self.get_submodule(name), columns))
        attention.output.dense = _read(attention.output.dense, columns)
        attention.self.num_attention_heads = len(heads)
        attention.self.all_head_size = len(heads) * size
    chosen = [[own[place] for place in heads] for own, heads in zip(known, places, strict=True)]
    encoder.config.update({KEPT_HEADS: chosen})


def keep_neurons(encoder: Any, neurons: Sequence[Sequence[int]]) -> None:
    """Leave only these neurons of each layer's feed-forward network, equally many in all, in place."""
    check_prunable(encoder)
    for block, kept in zip(blocks_of(encoder), neurons, strict=True):
        places = torch.as_tensor(list(kept))
        block.intermediate.dense = _written(block.intermediate.dense, places)
        block.output.dense = _read(block.output.dense, places)
    encoder.config.intermediate_size = len(neurons[0])


def narrow_as_saved(encoder: Any) -> None:
    """Leave out of a loaded encoder the heads that its configuration says are zeros."""
    found = encoder.config.to_dict().get(KEPT_HEADS)
    if found:
        encoder.config.update({KEPT_HEADS: None})
        keep_heads(encoder, found)


def widened(encoder: Any, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give the weights of an encoder with zeros in the place of the heads that were taken out."""
    if not encoder.config.to_dict().get(KEPT_HEADS):
        return dict(weights)
    found, names = dict(weights), {id(module): name for name, module in encoder.named_modules()}
    whole = encoder.config.num_attention_heads
    for block, heads in zip(blocks_of(encoder), kept_heads(encoder), strict=True):
        prefix, size = names[id(block)], block.attention.self.attention_head_size
        places = torch.cat([torch.arange(head * size, (head + 1) * size) for head in heads])
        for name in PROJECTIONS:
            for part in ("weight", "bias"):
                key = f"{prefix}.attention.self.{name}.{part}"
                found[key] = _spread(found[key], places, whole * size)
        key = f"{prefix}.attention.output.dense.weight"
        found[key] = _spread(found[key].T, places, whole * size).T.contiguous()
    return found


def _spread(values: torch.Tensor, places: torch.Tensor, size: int) -> torch.Tensor:
    whole = values.new_zeros((size, *values.shape[1:]))
    whole[places] = values
    return whole


def _written(layer: Any, places: torch.Tensor) -> torch.nn.Linear:
    """Give a linear layer that writes only these of its numbers."""
    return _linear(layer.weight.detach()[places], layer.bias.detach()[places])


def _read(layer: Any, places: torch.Tensor) -> torch.nn.Linear:
    """Give a linear layer that reads only these of its numbers."""
    return _linear(layer.weight.detach()[:, places], layer.bias.detach())


def _linear(weight: torch.Tensor, bias: torch.Tensor) -> torch.nn.Linear:
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer
