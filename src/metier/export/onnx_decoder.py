"""A Llama-like model as an ONNX graph with a cache of keys and values, written node by node.

Tracing a decoder of thirty layers takes a minute and gives thousands of nodes for masks and positions; the
architecture is a page of mathematics, so it is written down here instead: root-mean-square norms, attention with rotary
positions and shared key heads in ONNX Runtime's one operator for it (`GroupQueryAttention`), a gated feed-forward.

Weights are float32, or 8 bits in blocks of 32 along the input with a scale each (`MatMulNBits`), as llama.cpp's Q8_0
keeps them. What makes most of the error stays in float32: queries, keys, values, and the way out of the feed-forward.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import LlamaConfig

BLOCK = 32
BITS = 8
ZERO = 128  # What stands for zero in an unsigned byte.
MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class Shape:
    """What of a configuration the graph is built from."""

    layers: int
    heads: int
    key_heads: int
    head_size: int
    epsilon: float


def can_write(config: Any) -> bool:
    """Whether a configuration is of the architecture that is written here."""
    return (
        isinstance(config, LlamaConfig)
        and config.model_type == "llama"  # A special case may be another architecture.
        and not config.attention_bias
        and not config.mlp_bias
        and config.hidden_act == "silu"
        and (config.rope_parameters or {}).get("rope_type", "default") == "default"
    )


def write_decoder(model: Any, path: Path, *, precision: str, longest: int) -> None:
    """Write the graph.

    Its inputs are `input_ids` of shape (n_rows, n_new), padded behind; `seqlens_k` of shape (n_rows,), the tokens of each
    row so far, less one; `last` of shape (n_rows,), where in `input_ids` each row ends; `total_sequence_length`, of the
    longest; and for each layer `past.i.key` and `past.i.value` of shape (n_rows, n_key_heads, n_past, head_size).

    Its outputs are `logits` of shape (n_rows, n_tokens) for the last position of each row, and `present.i.key` and
    `present.i.value`.

    Parameters
    ----------
    model : LlamaForCausalLM
    path : Path
    precision : {"fp32", "int8"}
    longest : int
        Positions that the rotary table holds.
    """
    graph = _Graph(precision)
    config = model.config
    head_size = int(config.head_dim or config.hidden_size // config.num_attention_heads)
    shape = Shape(
        config.num_hidden_layers,
        config.num_attention_heads,
        config.num_key_value_heads,
        head_size,
        config.rms_norm_eps,
    )
    weights = {name: weight.detach().float().numpy() for name, weight in model.state_dict().items()}
    _add_rotary(graph, model, longest, head_size)
    hidden = _embed(graph, weights["model.embed_tokens.weight"])
    for layer in range(shape.layers):
        hidden = _add_layer(graph, weights, hidden, layer=layer, shape=shape)
    where = graph.node("Unsqueeze", ["last", graph.constant("behind", np.array([1], dtype=np.int64))])
    last = graph.node("GatherND", [hidden, where], batch_dims=1)
    last = graph.norm(last, weights["model.norm.weight"], shape.epsilon)
    head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
    if precision == "fp32" and config.tie_word_embeddings:  # One matrix, twice in use and once in the file.
        turned = graph.node("Transpose", ["embeddings"], perm=[1, 0])
        graph.node("MatMul", [last, turned], outputs=["logits"])
    else:
        graph.matmul(last, head, "lm_head", output="logits")
    onnx.save(_as_model(graph, shape, len(head)), str(path))


class _Graph:
    """Nodes and weights, and what every layer needs of them."""

    def __init__(self, precision: str):
        self.precision = precision
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(
        self,
        kind: str,
        inputs: list[str],
        *,
        domain: str = "",
        outputs: list[str] | None = None,
        **attributes: Any,
    ) -> str:
        names = outputs or [f"n{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0]

    def constant(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def norm(self, hidden: str, weight: np.ndarray, epsilon: float) -> str:
        scale = self.constant(f"w{len(self.weights)}", weight)
        return self.node(
            "SimplifiedLayerNormalization", [hidden, scale], axis=-1, epsilon=epsilon, stash_type=1
        )

    def matmul(
        self, hidden: str, weight: np.ndarray, name: str, *, output: str | None = None, is_exact: bool = False
    ) -> str:
        """Multiply by a weight of shape (n_out, n_in); `is_exact` keeps it in float32."""
        outputs = [output] if output else None
        if self.precision == "fp32" or is_exact or weight.shape[1] % BLOCK:
            return self.node("MatMul", [hidden, self.constant(name, weight.T)], outputs=outputs)
        quantised, scales = quantise(weight)
        inputs = [hidden, self.constant(name, quantised), self.constant(f"{name}.scales", scales)]
        return self.node(
            "MatMulNBits",
            inputs,
            domain=MICROSOFT,
            outputs=outputs,
            K=weight.shape[1],
            N=weight.shape[0],
            bits=BITS,
            block_size=BLOCK,
            accuracy_level=4,  # Activations to 8 bits as well, block by block.
        )


def quantise(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give a weight as bytes in blocks, and the scale of each block.

    Returns
    -------
    quantised : ndarray of uint8 of shape (n_out, n_blocks, 32)
    scales : ndarray of float32 of shape (n_out * n_blocks,)
    """
    blocks = weight.reshape(len(weight), -1, BLOCK)
    scales = np.abs(blocks).max(axis=2) / (ZERO - 1)
    steps = np.divide(blocks, scales[:, :, None], out=np.zeros_like(blocks), where=scales[:, :, None] > 0)
    return (np.rint(steps) + ZERO).astype(np.uint8), scales.astype(np.float32).ravel()


def _embed(graph: _Graph, weight: np.ndarray) -> str:
    if graph.precision == "fp32":
        return graph.node("Gather", [graph.constant("embeddings", weight), "input_ids"])
    halved = graph.constant("embeddings", weight.astype(np.float16))
    return graph.node("Cast", [graph.node("Gather", [halved, "input_ids"])], to=TensorProto.FLOAT)


def _add_rotary(graph: _Graph, model: Any, longest: int, head_size: int) -> None:
    rotary = model.model.rotary_emb
    with torch.inference_mode():
        cosines, sines = rotary(torch.zeros(1, 1, head_size), torch.arange(longest)[None])
    half = head_size // 2  # transformers keeps both halves, which are the same.
    graph.constant("cosines", cosines[0, :, :half].float().numpy())
    graph.constant("sines", sines[0, :, :half].float().numpy())


def _add_layer(graph: _Graph, weights: dict[str, np.ndarray], hidden: str, *, layer: int, shape: Shape) -> str:
    at = f"model.layers.{layer}."
    normed = graph.norm(hidden, weights[f"{at}input_layernorm.weight"], shape.epsilon)
    attention = f"{at}self_attn."
    query, key, value = (
        graph.matmul(normed, weights[f"{attention}{part}_proj.weight"], f"{attention}{part}", is_exact=True)
        for part in "qkv"
    )
    attended = graph.node(
        "GroupQueryAttention",
        [
            query,
            key,
            value,
            f"past.{layer}.key",
            f"past.{layer}.value",
            "seqlens_k",
            "total_sequence_length",
            "cosines",
            "sines",
        ],
        domain=MICROSOFT,
        outputs=[f"attended.{layer}", f"present.{layer}.key", f"present.{layer}.value"],
        num_heads=shape.heads,
        kv_num_heads=shape.key_heads,
        do_rotary=1,
        rotary_interleaved=0,
    )
    attended = graph.matmul(attended, weights[f"{attention}o_proj.weight"], f"{attention}o")
    hidden = graph.node("Add", [hidden, attended])
    normed = graph.norm(hidden, weights[f"{at}post_attention_layernorm.weight"], shape.epsilon)
    gate, up = (
        graph.matmul(normed, weights[f"{at}mlp.{part}_proj.weight"], f"{at}{part}") for part in ("gate", "up")
    )
    opened = graph.node("Mul", [gate, graph.node("Sigmoid", [gate])])
    mixed = graph.node("Mul", [opened, up])
    # As with queries, keys and values: on SmolLM2 these make four tenths of the error of the logits, and save little.
    down = graph.matmul(mixed, weights[f"{at}mlp.down_proj.weight"], f"{at}down", is_exact=True)
    return graph.node("Add", [hidden, down])


def _as_model(graph: _Graph, shape: Shape, n_tokens: int) -> Any:
    number, whole = TensorProto.FLOAT, TensorProto.INT32
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n_rows", "n_new"]),
        helper.make_tensor_value_info("seqlens_k", whole, ["n_rows"]),
        helper.make_tensor_value_info("last", TensorProto.INT64, ["n_rows"]),
        helper.make_tensor_value_info("total_sequence_length", whole, []),
    ]
    outputs = [helper.make_tensor_value_info("logits", number, ["n_rows", n_tokens])]
    for layer in range(shape.layers):
        for part in ("key", "value"):
            sizes = ["n_rows", shape.key_heads, "n_past", shape.head_size]
            inputs.append(helper.make_tensor_value_info(f"past.{layer}.{part}", number, sizes))
            sizes = ["n_rows", shape.key_heads, "n_total", shape.head_size]
            outputs.append(helper.make_tensor_value_info(f"present.{layer}.{part}", number, sizes))
    built = helper.make_graph(graph.nodes, "decoder", inputs, outputs, graph.weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(built, opset_imports=opsets, ir_version=9, producer_name="metier")
