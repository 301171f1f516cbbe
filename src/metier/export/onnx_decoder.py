"""A causal model as an ONNX graph with a cache of keys and values, written node by node.

Tracing a decoder of thirty layers takes a minute and gives thousands of nodes for masks and positions; the
architectures are a page of mathematics each, so they are written down here instead: attention with a cache, rotary
positions, shared key heads, windows and soft caps in ONNX Runtime's one operator for it (`GroupQueryAttention`).
`decoder_architectures` says what of it a model has.

Of 8 bits are most weights (see `graph_nodes`). What makes most of the error stays in float32: queries, keys, values,
and the way out of the feed-forward.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from metier.export.decoder_architectures import ARCHITECTURES, Attention, Decoder
from metier.export.graph_nodes import MICROSOFT, GraphNodes, Norm, numbers, whole_numbers


def write_decoder(model: Any, path: Path, *, precision: str, longest: int) -> None:
    """Write the graph.

    Its inputs are `input_ids` of shape (n_rows, n_new), padded behind; `seqlens_k` of shape (n_rows,), the tokens of each
    row so far, less one; `last` of shape (n_rows,), where in `input_ids` each row ends; `total_sequence_length`, of the
    longest; and for each layer `past.i.key` and `past.i.value` of shape (n_rows, n_key_heads, n_past, head_size).

    Its outputs are `logits` of shape (n_rows, n_tokens) for the last position of each row, and `present.i.key` and
    `present.i.value`.

    Parameters
    ----------
    model : PreTrainedModel
        Of an architecture of `decoder_architectures.ARCHITECTURES`.
    path : Path
    precision : {"fp32", "int8"}
    longest : int
        Positions that the rotary table holds.
    """
    parts = ARCHITECTURES[model.config.model_type].parts(model, longest)
    graph = GraphNodes(precision)
    for kind, (cosines, sines) in parts.rotary.items():
        graph.constant(cosines, f"cosines.{kind}")
        graph.constant(sines, f"sines.{kind}")
    hidden = graph.embed("input_ids", parts.embeddings, scale=parts.embedding_scale)
    if parts.positions is not None:
        hidden = graph.node("Add", [hidden, _learned_positions(graph, parts.positions)])
    for number, (attention, feed_forward) in enumerate(parts.layers):
        made = _attend(graph, parts, attention, hidden, number)
        # Beside one another, both read what came in; behind one another, the second reads the sum.
        read = hidden if parts.is_parallel else graph.residual(hidden, attention.block, made)
        more = graph.feed_forward(graph.norm(read, feed_forward.block.before), feed_forward)
        hidden = graph.residual(read, feed_forward.block, more)
        hidden = graph.node("Add", [hidden, made]) if parts.is_parallel else hidden
    where = graph.node("Unsqueeze", ["last", graph.whole(1)])
    last = graph.norm(graph.node("GatherND", [hidden, where], batch_dims=1), parts.final)
    logits = "uncapped" if parts.logit_cap else "logits"
    graph.head(last, parts.head, parts.embeddings, output=logits)
    if parts.logit_cap:
        graph.node("Identity", [graph.capped(logits, parts.logit_cap)], outputs=["logits"])
    onnx.save(_as_model(graph, parts), str(path))


def _learned_positions(graph: GraphNodes, table: np.ndarray) -> str:
    """The vector of each position; where a row has ended, that of the last one there is."""
    ids = graph.node("Shape", ["input_ids"], start=1)
    steps = graph.node(
        "Range", [graph.number(0, np.int64), graph.node("Squeeze", [ids]), graph.number(1, np.int64)]
    )
    read = graph.node("Sub", [graph.node("Cast", ["seqlens_k"], to=onnx.TensorProto.INT64), "last"])
    at = graph.node("Add", [graph.node("Unsqueeze", [read, graph.whole(1)]), steps])
    return graph.node(
        "Gather", [graph.constant(table), graph.node("Min", [at, graph.number(len(table) - 1, np.int64)])]
    )


def _attend(graph: GraphNodes, parts: Decoder, attention: Attention, hidden: str, layer: int) -> str:
    """What attention gives, before it is added to what came in."""
    given = graph.norm(hidden, attention.block.before)
    query, key, value = (graph.linear(given, part, is_exact=True) for part in attention.linears[:3])
    query = _norm_heads(graph, query, attention.query_norm, parts.heads)
    key = _norm_heads(graph, key, attention.key_norm, parts.key_heads)
    inputs = [
        query,
        key,
        value,
        f"past.{layer}.key",
        f"past.{layer}.value",
        "seqlens_k",
        "total_sequence_length",
    ]
    if attention.rotary:
        inputs += [f"cosines.{attention.rotary}", f"sines.{attention.rotary}"]
    attended = graph.node(
        "GroupQueryAttention",
        inputs,
        domain=MICROSOFT,
        outputs=[f"attended.{layer}", f"present.{layer}.key", f"present.{layer}.value"],
        num_heads=parts.heads,
        kv_num_heads=parts.key_heads,
        scale=attention.scale,
        local_window_size=attention.window,
        softcap=parts.attention_cap or 0.0,
        do_rotary=int(bool(attention.rotary)),
        rotary_interleaved=0,
    )
    return graph.linear(attended, attention.linears[3])


def _norm_heads(graph: GraphNodes, states: str, norm: Norm | None, heads: int) -> str:
    """Normalise each head by itself."""
    if norm is None:
        return states
    apart = graph.node("Reshape", [states, graph.whole(0, 0, heads, len(norm.weight))])
    return graph.node("Reshape", [graph.norm(apart, norm), graph.whole(0, 0, heads * len(norm.weight))])


def _as_model(graph: GraphNodes, parts: Decoder) -> Any:
    inputs = [
        whole_numbers("input_ids", "n_rows", "n_new"),
        whole_numbers("seqlens_k", "n_rows", is_short=True),
        whole_numbers("last", "n_rows"),
        whole_numbers("total_sequence_length", is_short=True),
    ]
    outputs = [numbers("logits", "n_rows", len(parts.head.weight))]
    for layer in range(len(parts.layers)):
        for part in ("key", "value"):
            inputs.append(numbers(f"past.{layer}.{part}", "n_rows", parts.key_heads, "n_past", parts.head_size))
            outputs.append(
                numbers(f"present.{layer}.{part}", "n_rows", parts.key_heads, "n_total", parts.head_size)
            )
    return graph.model("decoder", inputs, outputs)
