"""The table of causal architectures that are written as ONNX graphs: from a model of transformers to its parts.

A row of `ARCHITECTURES` says what of a configuration cannot be written, and how the weights of a model become the parts
that `onnx_decoder` puts together. What the parts differ in: norms, positions (rotary or learned), grouping of key heads,
activations, biases, scales, soft caps, sliding windows, norms of queries and keys. What a row says is never believed:
at export the graph's logits are compared with the model's own (`generation_export`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from metier.bases.adaptation.inserted import PART
from metier.export.graph_nodes import ACTIVATIONS, Block, FeedForward, Linear, Norm

Weights = Mapping[str, np.ndarray]
# Rotary positions of these kinds depend on how long a text is; others are a table.
CHANGING_ROTARY = frozenset({"dynamic", "longrope"})
# The operator of attention wants heads of a multiple of these sizes, and what it turns of a head too.
HEADS_OF, TURNED_OF = 8, 16
NORM_EPSILON = 1e-5  # What torch takes where nothing is said.


@dataclass(frozen=True)
class Attention:
    """The attention of one layer.

    Parameters
    ----------
    block : Block
    linears : tuple of Linear
        Of queries, keys, values, and out again.
    query_norm, key_norm : Norm or None
        Over each head.
    scale : float
        Of the products of queries and keys.
    window : int
        Tokens that a token sees, itself included; -1 for all.
    rotary : str
        Which table of angles turns queries and keys; empty for none.
    """

    block: Block
    linears: tuple[Linear, ...]
    scale: float
    query_norm: Norm | None = None
    key_norm: Norm | None = None
    window: int = -1
    rotary: str = ""


@dataclass(frozen=True)
class Decoder:
    """A causal model in parts.

    Parameters
    ----------
    embeddings : ndarray of shape (n_tokens, size)
    layers : sequence of (Attention, FeedForward)
    head : Linear
    final : Norm or None
    heads, key_heads, head_size : int
    embedding_scale : float
    positions : ndarray of shape (n_positions, size) or None
        Learned ones.
    rotary : mapping of str to (cosines, sines)
        Each of shape (n_positions, n_turned / 2).
    is_parallel : bool
        Attention and feed-forward read the same states, and both are added.
    attention_cap, logit_cap : float or None
    """

    embeddings: np.ndarray
    layers: Sequence[tuple[Attention, FeedForward]]
    head: Linear
    final: Norm | None
    heads: int
    key_heads: int
    head_size: int
    embedding_scale: float = 1.0
    positions: np.ndarray | None = None
    rotary: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    is_parallel: bool = False
    attention_cap: float | None = None
    logit_cap: float | None = None


@dataclass(frozen=True)
class Architecture:
    """A row of the table.

    Parameters
    ----------
    parts : callable
        (model, longest) -> Decoder.
    fault : callable
        What of a configuration is not written here, as a sentence's end ("…"); "" for nothing.
    """

    parts: Callable[[Any, int], Decoder]
    fault: Callable[[Any], str]


def causal_fault(config: Any) -> str:
    """Say what keeps a causal model from being answered without torch, "" for nothing."""
    row = ARCHITECTURES.get(config.model_type)
    return f"models of type {config.model_type!r} are not in the table" if row is None else row.fault(config)


def activation_fault(name: str) -> str:
    """Say that an activation is not written, "" where it is."""
    return "" if name in ACTIVATIONS else f"the activation {name!r} is not written"


def weights_of(model: Any) -> dict[str, np.ndarray]:
    """Give the weights of a model in float32."""
    return {name: weight.detach().float().numpy() for name, weight in model.state_dict().items()}


def linear_of(weights: Weights, name: str) -> Linear:
    """Give a linear layer by its name, with an adapter that stands behind it."""
    return Linear(weights[f"{name}.weight"], weights.get(f"{name}.bias"), bottleneck_of(weights, name))


def bottleneck_of(weights: Weights, name: str) -> tuple[Linear, Linear] | None:
    """Give the adapter that `bases.adaptation.adapter` put behind a linear layer; None where there is none."""
    at = f"{name}.{PART}"
    if f"{at}.down.weight" not in weights:
        return None
    down, up = (Linear(weights[f"{at}.{way}.weight"], weights[f"{at}.{way}.bias"]) for way in ("down", "up"))
    return down, up


def layer_norm_of(weights: Weights, name: str, epsilon: float) -> Norm:
    """Give a norm of mean and variance by its name."""
    return Norm(weights[f"{name}.weight"], epsilon, weights.get(f"{name}.bias"), is_centred=True)


def head_of(model: Any, weights: Weights, embeddings: np.ndarray) -> Linear:
    """Give what makes the logits: the embeddings themselves, where the model shares them."""
    bias = weights.get("lm_head.bias")
    shared = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    return Linear(embeddings if shared else weights["lm_head.weight"], bias)


# Llama and what grew out of it: the same names of weights, with parts more or less.


def _llama_fault(config: Any) -> str:
    ropes = config.rope_parameters or {}
    each = [ropes] if "rope_type" in ropes or "rope_theta" in ropes else list(ropes.values())
    kinds = {(rope or {}).get("rope_type", "default") for rope in each}
    if kinds & CHANGING_ROTARY:
        return f"rotary positions of type {', '.join(sorted(kinds))!r} are not written"
    if config.to_dict().get("use_bidirectional_attention"):
        return "attention in both directions is not written"
    size = _head_size(config)
    turned = int(size * float(each[0].get("partial_rotary_factor", 1.0) if each else 1.0))
    return (
        activation_fault(_activation(config))
        or _heads_fault(size, TURNED_OF)
        or _heads_fault(turned, TURNED_OF)
    )


def _heads_fault(size: int, multiple: int = HEADS_OF) -> str:
    return (
        f"heads of {size} numbers are not written, only of a multiple of {multiple}" if size % multiple else ""
    )


def _activation(config: Any) -> str:
    names = config.to_dict()
    return str(names.get("hidden_activation") or names["hidden_act"])


def _head_size(config: Any) -> int:
    size = config.to_dict().get("head_dim")
    return int(size or config.hidden_size // config.num_attention_heads)


def _llama_parts(model: Any, longest: int) -> Decoder:
    config, weights = model.config, weights_of(model)
    names = config.to_dict()
    is_gemma = config.model_type.startswith("gemma")
    embeddings = weights["model.embed_tokens.weight"]
    size = _head_size(config)

    def norm(name: str) -> Norm | None:
        weight = weights.get(f"{name}.weight")  # Gemma learns how far a factor is from 1.
        return None if weight is None else Norm(weight + is_gemma, config.rms_norm_eps)

    return Decoder(
        embeddings=embeddings,
        layers=[_llama_layer(config, weights, norm, at) for at in range(config.num_hidden_layers)],
        head=head_of(model, weights, embeddings),
        final=norm("model.norm"),
        heads=config.num_attention_heads,
        key_heads=config.num_key_value_heads,
        head_size=size,
        embedding_scale=config.hidden_size**0.5 if is_gemma else 1.0,
        rotary=_rotary_tables(model.model.rotary_emb, longest, set(_kinds_of_layers(config))),
        attention_cap=names.get("attn_logit_softcapping") if config.model_type == "gemma2" else None,
        logit_cap=names.get("final_logit_softcapping"),
    )


def _llama_layer(
    config: Any, weights: Weights, norm: Callable[[str], Norm | None], layer: int
) -> tuple[Attention, FeedForward]:
    at, names = f"model.layers.{layer}.", config.to_dict()
    kind = _kinds_of_layers(config)[layer]
    has_four_norms = f"{at}pre_feedforward_layernorm.weight" in weights
    after_attention = norm(f"{at}post_attention_layernorm")
    between = norm(f"{at}pre_feedforward_layernorm") if has_four_norms else after_attention
    attention = Attention(
        Block(norm(f"{at}input_layernorm"), after_attention if has_four_norms else None),
        tuple(linear_of(weights, f"{at}self_attn.{part}_proj") for part in "qkvo"),
        scale=float(names.get("query_pre_attn_scalar") or _head_size(config)) ** -0.5,
        query_norm=norm(f"{at}self_attn.q_norm"),
        key_norm=norm(f"{at}self_attn.k_norm"),
        window=int(config.sliding_window) if kind.startswith("sliding") else -1,
        rotary=kind,
    )
    feed_forward = FeedForward(
        Block(between, norm(f"{at}post_feedforward_layernorm")),
        up=linear_of(weights, f"{at}mlp.up_proj"),
        down=linear_of(weights, f"{at}mlp.down_proj"),
        activation=_activation(config),
        gate=linear_of(weights, f"{at}mlp.gate_proj"),
    )
    return attention, feed_forward


def _kinds_of_layers(config: Any) -> list[str]:
    """Full or sliding attention, for each layer."""
    names = config.to_dict()
    if names.get("layer_types"):
        return list(names["layer_types"])
    kind = "sliding_attention" if names.get("sliding_window") else "full_attention"
    return [kind] * config.num_hidden_layers


def _rotary_tables(rotary: Any, longest: int, kinds: set[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The cosines and sines of each kind of layer; most models have the same for both."""
    tables = {}
    states, positions = torch.zeros(1, 1, 1), torch.arange(longest)[None]
    for kind in kinds:
        has_own = hasattr(rotary, f"{kind}_inv_freq")
        with torch.inference_mode():
            found = rotary(states, positions, kind) if has_own else rotary(states, positions)
        # transformers keeps both halves, which are the same.
        tables[kind] = tuple(table[0, :, : table.shape[-1] // 2].float().numpy() for table in found)
    return tables


# GPT-2: learned positions, one matrix for queries, keys and values, weights turned round.


def _gpt2_fault(config: Any) -> str:
    size = config.n_embd // config.n_head
    if config.add_cross_attention:
        return "cross-attention of a causal model is not written"
    return _heads_fault(size) or activation_fault(config.activation_function)


def _gpt2_parts(model: Any, longest: int) -> Decoder:
    config, weights = model.config, weights_of(model)
    embeddings = weights["transformer.wte.weight"]
    return Decoder(
        embeddings=embeddings,
        layers=[_gpt2_layer(config, weights, layer) for layer in range(config.n_layer)],
        head=head_of(model, weights, embeddings),
        final=layer_norm_of(weights, "transformer.ln_f", config.layer_norm_epsilon),
        heads=config.n_head,
        key_heads=config.n_head,
        head_size=config.n_embd // config.n_head,
        positions=weights["transformer.wpe.weight"],
    )


def _gpt2_layer(config: Any, weights: Weights, layer: int) -> tuple[Attention, FeedForward]:
    at = f"transformer.h.{layer}."
    scale = float(config.n_embd // config.n_head) ** -0.5 if config.scale_attn_weights else 1.0

    def turned(name: str) -> Linear:
        bottleneck = bottleneck_of(weights, f"{at}{name}")
        return Linear(weights[f"{at}{name}.weight"].T, weights[f"{at}{name}.bias"], bottleneck)

    def before(name: str) -> Block:
        return Block(layer_norm_of(weights, f"{at}{name}", config.layer_norm_epsilon))

    attention = Attention(
        before("ln_1"),
        (*_thirds(turned("attn.c_attn")), turned("attn.c_proj")),
        scale=scale / (layer + 1) if config.scale_attn_by_inverse_layer_idx else scale,
    )
    feed_forward = FeedForward(
        before("ln_2"), turned("mlp.c_fc"), turned("mlp.c_proj"), config.activation_function
    )
    return attention, feed_forward


def _thirds(whole: Linear) -> list[Linear]:
    weights = np.split(whole.weight, 3)
    if whole.bias is None:
        return [Linear(weight) for weight in weights]
    return [Linear(*pair) for pair in zip(weights, np.split(whole.bias, 3), strict=True)]


# GPT-NeoX (Pythia): attention beside feed-forward, a part of each head turned, one matrix a head.


def _neox_parts(model: Any, longest: int) -> Decoder:
    config, weights = model.config, weights_of(model)
    embeddings = weights["gpt_neox.embed_in.weight"]
    shared = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    name = next(name for name in ("lm_head", "embed_out") if shared or f"{name}.weight" in weights)
    return Decoder(
        embeddings=embeddings,
        layers=[_neox_layer(config, weights, layer) for layer in range(config.num_hidden_layers)],
        head=Linear(embeddings) if shared else linear_of(weights, name),
        final=layer_norm_of(weights, "gpt_neox.final_layer_norm", config.layer_norm_eps),
        heads=config.num_attention_heads,
        key_heads=config.num_attention_heads,
        head_size=_head_size(config),
        rotary=_rotary_tables(model.gpt_neox.rotary_emb, longest, {"full_attention"}),
        is_parallel=config.use_parallel_residual,
    )


def _neox_layer(config: Any, weights: Weights, layer: int) -> tuple[Attention, FeedForward]:
    at, size = f"gpt_neox.layers.{layer}.", _head_size(config)
    whole = linear_of(weights, f"{at}attention.query_key_value")
    by_head = whole.weight.reshape(-1, 3, size, whole.weight.shape[1])
    biases = None if whole.bias is None else whole.bias.reshape(-1, 3, size)
    parts = [
        Linear(
            by_head[:, part].reshape(-1, by_head.shape[-1]), None if biases is None else biases[:, part].ravel()
        )
        for part in range(3)
    ]
    attention = Attention(
        Block(layer_norm_of(weights, f"{at}input_layernorm", config.layer_norm_eps)),
        (*parts, linear_of(weights, f"{at}attention.dense")),
        scale=size**-0.5,
        rotary="full_attention",
    )
    feed_forward = FeedForward(
        Block(layer_norm_of(weights, f"{at}post_attention_layernorm", config.layer_norm_eps)),
        linear_of(weights, f"{at}mlp.dense_h_to_4h"),
        linear_of(weights, f"{at}mlp.dense_4h_to_h"),
        config.hidden_act,
    )
    return attention, feed_forward


# OPT: learned positions that begin at the third row, ReLU.


def _opt_fault(config: Any) -> str:
    size = config.hidden_size // config.num_attention_heads
    if config.word_embed_proj_dim != config.hidden_size:
        return "embeddings of another width than the layers are not written"
    if not config.layer_norm_elementwise_affine:
        return "norms without weights are not written"
    return _heads_fault(size) or activation_fault(config.activation_function)


def _opt_parts(model: Any, longest: int) -> Decoder:
    config, weights = model.config, weights_of(model)
    at = "model.decoder."
    embeddings = weights[f"{at}embed_tokens.weight"]
    has_final = f"{at}final_layer_norm.weight" in weights
    return Decoder(
        embeddings=embeddings,
        layers=[_opt_layer(config, weights, layer) for layer in range(config.num_hidden_layers)],
        head=head_of(model, weights, embeddings),
        final=layer_norm_of(weights, f"{at}final_layer_norm", NORM_EPSILON) if has_final else None,
        heads=config.num_attention_heads,
        key_heads=config.num_attention_heads,
        head_size=config.hidden_size // config.num_attention_heads,
        positions=weights[f"{at}embed_positions.weight"][model.model.decoder.embed_positions.offset :],
    )


def _opt_layer(config: Any, weights: Weights, layer: int) -> tuple[Attention, FeedForward]:
    at = f"model.decoder.layers.{layer}."

    def block(name: str) -> Block:
        norm = layer_norm_of(weights, f"{at}{name}", NORM_EPSILON)
        return Block(before=norm) if config.do_layer_norm_before else Block(after=norm)

    attention = Attention(
        block("self_attn_layer_norm"),
        tuple(linear_of(weights, f"{at}self_attn.{part}_proj") for part in ("q", "k", "v", "out")),
        scale=float(config.hidden_size // config.num_attention_heads) ** -0.5,
    )
    feed_forward = FeedForward(
        block("final_layer_norm"),
        linear_of(weights, f"{at}fc1"),
        linear_of(weights, f"{at}fc2"),
        config.activation_function,
    )
    return attention, feed_forward


ARCHITECTURES: dict[str, Architecture] = {
    **dict.fromkeys(
        ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"),
        Architecture(_llama_parts, _llama_fault),
    ),
    "gpt2": Architecture(_gpt2_parts, _gpt2_fault),
    "gpt_neox": Architecture(_neox_parts, _llama_fault),
    "opt": Architecture(_opt_parts, _opt_fault),
}
