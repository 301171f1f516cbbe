"""The table of encoder-decoder architectures that are written as ONNX graphs: from a model of transformers to its parts.

T5 has positions as a bias that depends on how far two tokens are apart, norms of the mean square before each part, and no
scale of the products; BART and its kin have a table of positions (learned, or sines), norms of mean and variance before
or behind, and biases everywhere. As in `decoder_architectures`, a row is never believed: at export the graphs' logits are
compared with the model's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.export.decoder_architectures import (
    NORM_EPSILON,
    Attention,
    Weights,
    activation_fault,
    head_of,
    layer_norm_of,
    linear_of,
    weights_of,
)
from metier.export.graph_nodes import Block, FeedForward, Linear, Norm


@dataclass(frozen=True)
class Side:
    """The encoder or the decoder.

    Parameters
    ----------
    embeddings : ndarray of shape (n_tokens, size)
    heads, head_size : int
    layers : sequence of (Attention, FeedForward)
    crosses : sequence of Attention
        Of a decoder: what of each layer looks at what the encoder read.
    first, final : Norm or None
        Over the embeddings, and at the end.
    embedding_scale : float
    positions : ndarray of shape (n_positions, size) or None
    distances : ndarray of shape (2 * furthest + 1, heads) or None
        What is added to the product of two tokens by their distance, from -furthest to furthest and beyond.
    """

    embeddings: np.ndarray
    heads: int
    head_size: int
    layers: Sequence[tuple[Attention, FeedForward]]
    crosses: Sequence[Attention]
    first: Norm | None
    final: Norm | None
    embedding_scale: float = 1.0
    positions: np.ndarray | None = None
    distances: np.ndarray | None = None


@dataclass(frozen=True)
class EncoderDecoder:
    """An encoder-decoder in parts."""

    encoder: Side
    decoder: Side
    head: Linear


@dataclass(frozen=True)
class PairArchitecture:
    """A row of the table.

    Parameters
    ----------
    parts : callable
        From a model to its parts.
    fault : callable
        What of a configuration is not written here; "" for nothing.
    """

    parts: Callable[[Any], EncoderDecoder]
    fault: Callable[[Any], str]


def encoder_decoder_fault(config: Any) -> str:
    """Say what keeps an encoder-decoder from being answered without torch, "" for nothing."""
    row = PAIR_ARCHITECTURES.get(config.model_type)
    return f"models of type {config.model_type!r} are not in the table" if row is None else row.fault(config)


# T5, with its gated form (1.1, Flan) and mT5.


def _t5_fault(config: Any) -> str:
    return activation_fault(config.dense_act_fn)


def _t5_parts(model: Any) -> EncoderDecoder:
    weights = weights_of(model)
    embeddings = weights["shared.weight"]
    encoder, decoder = (_t5_side(model, weights, name, embeddings) for name in ("encoder", "decoder"))
    return EncoderDecoder(encoder, decoder, head_of(model, weights, embeddings))


def _t5_side(model: Any, weights: Weights, name: str, embeddings: np.ndarray) -> Side:
    config, stack, is_decoder = model.config, model.get_submodule(name), name == "decoder"
    final = _t5_norm(config, weights, f"{name}.final_layer_norm")
    if is_decoder and config.to_dict().get("scale_decoder_outputs"):
        final = Norm(final.weight * config.d_model**-0.5, final.epsilon)
    layers = [f"{name}.block.{at}.layer." for at in range(len(stack.block))]
    return Side(
        embeddings,
        config.num_heads,
        config.d_kv,
        [_t5_layer(config, weights, at, 2 if is_decoder else 1) for at in layers],
        [_t5_attention(config, weights, f"{at}1.", "EncDecAttention") for at in layers if is_decoder],
        first=None,
        final=final,
        distances=_t5_distances(stack.block[0].layer[0].SelfAttention, config.relative_attention_max_distance),
    )


def _t5_distances(attention: Any, furthest: int) -> np.ndarray:
    """The bias of each distance; beyond the furthest that the model tells apart it stays the same."""
    with torch.inference_mode():
        bias = attention.compute_bias(1, 2 * furthest + 1, past_seen_tokens=furthest)
    return bias[0, :, 0].T.float().numpy()


def _t5_norm(config: Any, weights: Weights, name: str) -> Norm:
    return Norm(weights[f"{name}.weight"], config.layer_norm_epsilon)


def _t5_attention(config: Any, weights: Weights, at: str, name: str) -> Attention:
    parts = tuple(linear_of(weights, f"{at}{name}.{part}") for part in "qkvo")
    return Attention(Block(_t5_norm(config, weights, f"{at}layer_norm")), parts, scale=1.0)


def _t5_layer(config: Any, weights: Weights, at: str, last: int) -> tuple[Attention, FeedForward]:
    feed, is_gated = f"{at}{last}.DenseReluDense.", config.is_gated_act
    feed_forward = FeedForward(
        Block(_t5_norm(config, weights, f"{at}{last}.layer_norm")),
        up=linear_of(weights, f"{feed}{'wi_1' if is_gated else 'wi'}"),
        down=linear_of(weights, f"{feed}wo"),
        activation=config.dense_act_fn,
        gate=linear_of(weights, f"{feed}wi_0") if is_gated else None,
    )
    return _t5_attention(config, weights, f"{at}0.", "SelfAttention"), feed_forward


# BART and its kin: mBART and M2M100 (NLLB) and Pegasus with norms before, Marian and BART behind.

NORMS_BEFORE = frozenset({"mbart", "m2m_100", "pegasus"})


def _bart_fault(config: Any) -> str:
    return activation_fault(config.activation_function)


def _bart_parts(model: Any) -> EncoderDecoder:
    weights = weights_of(model)
    sides = []
    for name in ("encoder", "decoder"):
        found = weights.get(f"model.{name}.embed_tokens.weight", weights.get("model.shared.weight"))
        if found is None:
            raise KeyError(f"model.{name}.embed_tokens.weight")
        sides.append(_bart_side(model, weights, name, found))
    head = head_of(model, weights, sides[1].embeddings)
    if "final_logits_bias" in weights:
        head = Linear(head.weight, weights["final_logits_bias"][0])
    return EncoderDecoder(sides[0], sides[1], head)


def _bart_side(model: Any, weights: Weights, name: str, embeddings: np.ndarray) -> Side:
    config, at = model.config, f"model.{name}."
    counts = config.to_dict()
    heads = counts[f"{name}_attention_heads"]
    layers = [f"{at}layers.{layer}." for layer in range(counts[f"{name}_layers"])]

    def norm(part: str) -> Norm | None:
        there = f"{at}{part}.weight" in weights
        return layer_norm_of(weights, f"{at}{part}", NORM_EPSILON) if there else None

    return Side(
        embeddings,
        heads,
        config.d_model // heads,
        [_bart_layer(config, weights, layer, heads) for layer in layers],
        [
            _bart_attention(config, weights, layer, "encoder_attn", heads)
            for layer in layers
            if name == "decoder"
        ],
        first=norm("layernorm_embedding"),
        final=norm("layer_norm"),
        embedding_scale=config.d_model**0.5 if config.scale_embedding else 1.0,
        positions=_bart_positions(config, model.model.get_submodule(name).embed_positions),
    )


def _bart_positions(config: Any, table: Any) -> np.ndarray:
    """The vectors from the first position on; some tables begin later."""
    if config.model_type == "m2m_100":  # Made from a formula, and not a weight of the model.
        first, whole = table.padding_idx + 1, table.weights
    else:
        first, whole = (2 if config.model_type in ("bart", "mbart") else 0), table.weight
    found: np.ndarray = whole.detach().float().numpy()[first:]
    return found


def _bart_block(config: Any, weights: Weights, name: str) -> Block:
    norm = layer_norm_of(weights, name, NORM_EPSILON)
    return Block(before=norm) if config.model_type in NORMS_BEFORE else Block(after=norm)


def _bart_attention(config: Any, weights: Weights, at: str, name: str, heads: int) -> Attention:
    parts = tuple(linear_of(weights, f"{at}{name}.{part}_proj") for part in ("q", "k", "v", "out"))
    scale = float(config.d_model // heads) ** -0.5
    return Attention(_bart_block(config, weights, f"{at}{name}_layer_norm"), parts, scale=scale)


def _bart_layer(config: Any, weights: Weights, at: str, heads: int) -> tuple[Attention, FeedForward]:
    feed_forward = FeedForward(
        _bart_block(config, weights, f"{at}final_layer_norm"),
        linear_of(weights, f"{at}fc1"),
        linear_of(weights, f"{at}fc2"),
        config.activation_function,
    )
    return _bart_attention(config, weights, at, "self_attn", heads), feed_forward


PAIR_ARCHITECTURES: dict[str, PairArchitecture] = {
    **dict.fromkeys(("t5", "mt5"), PairArchitecture(_t5_parts, _t5_fault)),
    **dict.fromkeys(
        ("bart", "mbart", "marian", "m2m_100", "pegasus"), PairArchitecture(_bart_parts, _bart_fault)
    ),
}
