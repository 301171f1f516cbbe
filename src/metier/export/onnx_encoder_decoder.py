"""An encoder-decoder as two ONNX graphs: one reads a text once, the other writes the answer token by token.

The encoder's graph ends with the keys and values that each layer of the decoder looks at, so that they are computed once a
text. The decoder's graph keeps those of its own tokens in a cache, and is one graph for the first token and for
all that follow. Attention is ONNX Runtime's operator for it (`MultiHeadAttention`). All rows of a decoder are as long as
one another, since all answers begin with the same token; texts are padded behind and masked.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from metier.export.decoder_architectures import Attention
from metier.export.encoder_decoder_architectures import PAIR_ARCHITECTURES, EncoderDecoder, Side
from metier.export.graph_nodes import MICROSOFT, GraphNodes, numbers, whole_numbers

MASK = "attention_mask"


def write_encoder_decoder(model: Any, encoder: Path, decoder: Path, *, precision: str) -> None:
    """Write both graphs.

    The encoder's inputs are `input_ids` of shape (n_rows, n_read), padded behind, and `attention_mask` of int32 of the
    same shape, 1 where a token is; its outputs `cross.i.key` and `cross.i.value` of shape (n_rows, n_heads, n_read,
    head_size) for each layer of the decoder.

    The decoder's inputs are `input_ids` of shape (n_rows, n_new), `attention_mask` as above, the encoder's outputs, and
    `past.i.key` and `past.i.value` of shape (n_rows, n_heads, n_past, head_size); its outputs `logits` of shape (n_rows,
    n_new, n_tokens), and `present.i.key` and `present.i.value`.

    Parameters
    ----------
    model : PreTrainedModel
        Of an architecture of `encoder_decoder_architectures.PAIR_ARCHITECTURES`.
    encoder, decoder : Path
    precision : {"fp32", "int8"}
    """
    parts = PAIR_ARCHITECTURES[model.config.model_type].parts(model)
    onnx.save(_encoder(parts, precision), str(encoder))
    onnx.save(_decoder(parts, precision), str(decoder))


def _encoder(parts: EncoderDecoder, precision: str) -> Any:
    graph, side = GraphNodes(precision), parts.encoder
    n_read = graph.node("Shape", ["input_ids"], start=1)
    places = _places(graph, graph.whole(0), n_read)
    hidden, bias = _begin(graph, side, places, places)
    for attention, feed_forward in side.layers:
        hidden = _attend(graph, hidden, attention, side.heads, mask=MASK, bias=bias)
        more = graph.feed_forward(graph.norm(hidden, feed_forward.block.before), feed_forward)
        hidden = graph.residual(hidden, feed_forward.block, more)
    hidden = graph.norm(hidden, side.final)
    outputs = []
    for layer, cross in enumerate(parts.decoder.crosses):
        for part, linear in zip(("key", "value"), cross.linears[1:3], strict=True):
            name = f"cross.{layer}.{part}"
            _by_head(graph, graph.linear(hidden, linear, is_exact=True), parts.decoder, name)
            outputs.append(_kept(name, parts.decoder, "n_read"))
    return graph.model("encoder", [whole_numbers("input_ids", "n_rows", "n_read"), _mask()], outputs)


def _by_head(graph: GraphNodes, states: str, side: Side, output: str) -> None:
    apart = graph.node("Reshape", [states, graph.whole(0, 0, side.heads, side.head_size)])
    graph.node("Transpose", [apart], outputs=[output], perm=[0, 2, 1, 3])


def _decoder(parts: EncoderDecoder, precision: str) -> Any:
    graph, side = GraphNodes(precision), parts.decoder
    n_new = graph.node("Shape", ["input_ids"], start=1)
    n_past = graph.node("Shape", ["past.0.key"], start=2, end=3)
    n_all = graph.node("Add", [n_past, n_new])
    hidden, bias = _begin(graph, side, _places(graph, n_past, n_all), _places(graph, graph.whole(0), n_all))
    for layer, ((attention, feed_forward), cross) in enumerate(zip(side.layers, side.crosses, strict=True)):
        hidden = _attend(graph, hidden, attention, side.heads, bias=bias, layer=layer)
        kept = [f"cross.{layer}.key", f"cross.{layer}.value"]
        hidden = _attend(graph, hidden, cross, side.heads, mask=MASK, kept=kept)
        more = graph.feed_forward(graph.norm(hidden, feed_forward.block.before), feed_forward)
        hidden = graph.residual(hidden, feed_forward.block, more)
    graph.head(graph.norm(hidden, side.final), parts.head, side.embeddings, output="logits")
    inputs = [whole_numbers("input_ids", "n_rows", "n_new"), _mask()]
    outputs = [numbers("logits", "n_rows", "n_new", len(parts.head.weight))]
    for layer in range(len(side.layers)):
        for part in ("key", "value"):
            inputs += [
                _kept(f"cross.{layer}.{part}", side, "n_read"),
                _kept(f"past.{layer}.{part}", side, "n_past"),
            ]
            outputs.append(_kept(f"present.{layer}.{part}", side, "n_all"))
    return graph.model("decoder", inputs, outputs)


def _places(graph: GraphNodes, start: str, end: str) -> str:
    """Whole numbers from one to another, both of shape (1,)."""
    return graph.node(
        "Range",
        [graph.node("Squeeze", [start]), graph.node("Squeeze", [end]), graph.number(1, np.int64)],
    )


def _begin(graph: GraphNodes, side: Side, places: str, seen: str) -> tuple[str, str]:
    """The states before the first layer, and what is added to products of tokens at `places` and those they see."""
    hidden = graph.embed("input_ids", side.embeddings, scale=side.embedding_scale)
    if side.positions is not None:
        within = graph.node("Min", [places, graph.number(len(side.positions) - 1, np.int64)])
        hidden = graph.node("Add", [hidden, graph.node("Gather", [graph.constant(side.positions), within])])
    bias = ""
    if side.distances is not None:
        furthest = len(side.distances) // 2
        apart = graph.node("Sub", [seen, graph.node("Unsqueeze", [places, graph.whole(1)])])
        within = graph.node(
            "Clip", [apart, graph.number(-furthest, np.int64), graph.number(furthest, np.int64)]
        )
        row = graph.node("Add", [within, graph.number(furthest, np.int64)])
        found = graph.node("Gather", [graph.constant(side.distances), row])  # (n_places, n_seen, heads)
        bias = graph.node("Unsqueeze", [graph.node("Transpose", [found], perm=[2, 0, 1]), graph.whole(0)])
    return graph.norm(hidden, side.first), bias


def _attend(
    graph: GraphNodes,
    hidden: str,
    attention: Attention,
    heads: int,
    *,
    mask: str = "",
    bias: str = "",
    layer: int | None = None,
    kept: list[str] | None = None,
) -> str:
    """Attention and its residual connection: of an encoder, of a decoder's `layer` with its cache, or to what is `kept`."""
    given = graph.norm(hidden, attention.block.before)
    query, *own = (graph.linear(given, part, is_exact=True) for part in attention.linears[: 1 if kept else 3])
    key, value = kept or own
    inputs, outputs = [query, key, value, "", mask, bias], None
    if layer is not None:
        inputs += [f"past.{layer}.key", f"past.{layer}.value"]
        outputs = [f"attended.{layer}", f"present.{layer}.key", f"present.{layer}.value"]
    attended = graph.node(
        "MultiHeadAttention",
        inputs,
        domain=MICROSOFT,
        outputs=outputs,
        num_heads=heads,
        scale=attention.scale,
        unidirectional=int(layer is not None),
    )
    return graph.residual(hidden, attention.block, graph.linear(attended, attention.linears[3]))


def _mask() -> Any:
    return whole_numbers(MASK, "n_rows", "n_read", is_short=True)


def _kept(name: str, side: Side, length: str) -> Any:
    return numbers(name, "n_rows", side.heads, length, side.head_size)
