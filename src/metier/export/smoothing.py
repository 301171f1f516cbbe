"""Smoothing for INT8: outliers move from the activations into the weights.

SmoothQuant (Xiao et al., 2022, arXiv:2211.10438): a few channels of an encoder's activations are ten times as large
as the rest, and one scale for all of them leaves the rest four bits. Dividing channel j by s_j and multiplying row
j of the weights by s_j changes nothing in exact arithmetic and evens both out. How much of the burden the weights
take over is searched for each product by itself, as AWQ does (Lin et al., 2023, arXiv:2306.00978): the product
is computed in rounded numbers on a few texts, and the share that loses least is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from metier.predictors.onnx.graph_session import open_session

# Shares of the burden that the weights may take over, from none to all.
SHARES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
# Rows whose activations are kept whole for the search; of the others only the largest values are.
SEARCHED_ROWS = 24
SMALLEST = 1e-5


def smooth(source: Path, path: Path, rows: Sequence[Sequence[int]]) -> None:
    """Write a graph that answers as `source` does and loses less by quantization.

    Parameters
    ----------
    source : Path
        An fp32 graph.
    path : Path
        Where the smoothed graph goes.
    rows : sequence of token ids
        A hundred or so typical texts, to see how large each channel becomes.
    """
    model = onnx.load(source)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    products = [
        node
        for node in model.graph.node
        if node.op_type in ("MatMul", "Attention") and node.input[1] in weights
    ]
    seen = _observe(model, {node.input[0] for node in products}, rows, path.with_suffix(".probe.onnx"))
    added = {}
    makers = {node.output[0]: node for node in model.graph.node}
    for node in products:
        weight = numpy_helper.to_array(weights[node.input[1]]).astype(np.float32)
        scale = _best_scale(seen[node.input[0]], weight)
        _write(weights[node.input[1]], weight * scale[:, None])
        maker = makers[node.input[0]]
        if maker.op_type == "Attention":
            _divide_values(maker, weights, scale)
            continue
        divisor = f"{node.name}_smoothing"
        model.graph.initializer.append(numpy_helper.from_array(1 / scale, divisor))
        added[node.name] = helper.make_node(
            "Mul", [node.input[0], divisor], [f"{divisor}_out"], name=f"{divisor}_mul"
        )
        node.input[0] = f"{divisor}_out"
    # Each product right behind its division, since a graph's nodes stand in the order of their use.
    ordered = [part for node in model.graph.node for part in (added.get(node.name), node) if part is not None]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def _divide_values(attention: onnx.NodeProto, weights: dict[str, onnx.TensorProto], scale: np.ndarray) -> None:
    """Divide what an attention gives by dividing its values, the last third of its weights: it costs nothing."""
    for name in attention.input[1:3]:  # Weight and bias of query, key and value side by side.
        joined = numpy_helper.to_array(weights[name]).astype(np.float32)
        joined[..., -len(scale) :] /= scale
        _write(weights[name], joined)


def _write(tensor: onnx.TensorProto, values: np.ndarray) -> None:
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


@dataclass
class _Seen:
    """What some texts made of a tensor: the largest magnitude of each channel, and a few texts' values."""

    largest: np.ndarray
    samples: list[np.ndarray]


def _observe(
    model: onnx.ModelProto, tensors: set[str], rows: Sequence[Sequence[int]], path: Path
) -> dict[str, _Seen]:
    names = sorted(tensors)
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    onnx.save(probe, path)
    session = open_session(path, threads=1)
    path.unlink()
    seen: dict[str, _Seen] = {}
    sampled = {int(position) for position in np.linspace(0, len(rows) - 1, SEARCHED_ROWS)}
    for position, row in enumerate(rows):
        ids = np.array([row], dtype=np.int64)
        found = session.run(names, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        for name, values in zip(names, found, strict=True):
            values = values.reshape(-1, values.shape[-1])
            largest = np.abs(values).max(axis=0)
            known = seen.setdefault(name, _Seen(largest, []))
            known.largest = np.maximum(known.largest, largest)
            if position in sampled:
                known.samples.append(values)
    return seen


def _best_scale(seen: _Seen, weight: np.ndarray) -> np.ndarray:
    exact = np.concatenate(seen.samples) @ weight
    scales = [_scale(seen.largest, weight, share) for share in SHARES]
    losses = [_loss(seen.samples, exact, weight, scale) for scale in scales]
    return scales[int(np.argmin(losses))]


def _scale(largest: np.ndarray, weight: np.ndarray, share: float) -> np.ndarray:
    of_weights = np.maximum(np.abs(weight).max(axis=1), SMALLEST)
    scale = (
        np.maximum(largest, SMALLEST) ** share / of_weights ** (1 - share) if share else np.ones(len(weight))
    )
    normalised: np.ndarray = (scale / np.exp(np.log(scale).mean())).astype(np.float32)
    return normalised


def _loss(samples: Sequence[np.ndarray], exact: np.ndarray, weight: np.ndarray, scale: np.ndarray) -> float:
    """Sum the squared error of a product whose factors are rounded as onnxruntime rounds them."""
    scaled = weight * scale[:, None]
    step = np.maximum(np.abs(scaled).max(axis=0), SMALLEST) / 127  # By output channel, symmetric.
    rounded = np.round(scaled / step) * step
    values = np.concatenate([_rounded(values / scale) for values in samples])
    return float(np.square(values @ rounded - exact).sum())


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round what one call multiplies: 255 steps from the least to the greatest, 0 among them."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    grain = max(high - low, SMALLEST) / 255
    rounded: np.ndarray = np.round(values / grain) * grain
    return rounded
