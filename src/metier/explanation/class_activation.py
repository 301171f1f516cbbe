"""Which parts of an image a network with an averaged last map looks at: Grad-CAM in closed form.

Grad-CAM (Selvaraju et al., 2017, arXiv:1610.02391) weights the channels of the last map by the mean of the gradient.
Where the score is linear in the mean of that map, the gradient is the weight itself, so the map is the class
activation map of Zhou et al. (2016, arXiv:1512.04150), and needs neither torch nor a pass backward. Nothing is cut off
below 0, so the parts add up to the logit but for its constant, which is checked here.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

# Between the mean and the head; no number changes, or it is rounded to 8 bits.
PASSED = ("Flatten", "Reshape", "Squeeze", "Identity", "Dropout", "QuantizeLinear", "DequantizeLinear")
MEANS = ("ReduceMean", "GlobalAveragePool")
LARGEST_DIFFERENCE = 0.05  # Of the logit, what rounding to 8 bits may leave; in fp32 it is below 1e-4.


def class_activation_map(graph: Path, pixels: np.ndarray, column: int) -> np.ndarray | None:
    """Give what each part of an image adds to a logit; None where the graph ends in another way, or onnx is missing.

    Parameters
    ----------
    graph : Path
        From `pixels` to `logits`.
    pixels : ndarray of uint8 of shape (size, size, 3)
    column : int
        Of the logits.

    Returns
    -------
    ndarray of float64 of shape (rows, columns) or None
    """
    try:
        onnx = importlib.import_module("onnx")
    except ModuleNotFoundError:
        return None
    model = onnx.load(str(graph))
    found = _head(onnx, model.graph)
    if found is None:
        return None
    name, weight, bias = found
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    logits, maps = session.run(["logits", name], {"pixels": pixels[None]})
    parts = np.tensordot(weight[column].astype(np.float64), maps[0].astype(np.float64), axes=1)
    parts /= parts.size
    rest = abs(parts.sum() + bias[column] - logits[0, column])
    return parts if rest <= LARGEST_DIFFERENCE * max(1.0, abs(float(logits[0, column]))) else None


def _head(onnx: Any, graph: Any) -> tuple[str, np.ndarray, np.ndarray] | None:
    """Give the name of the last map, and the weights and the constants of the head on its mean; None: it has none."""
    made = {output: node for node in graph.node for output in node.output}
    numbers = _numbers(onnx, graph)
    head = made.get("logits")
    if head is not None and head.op_type == "DequantizeLinear":  # What comes out of a graph in INT8.
        rounded = made.get(head.input[0])
        head = None if rounded is None else made.get(rounded.input[0])
    if head is None or head.op_type != "Gemm" or head.input[1] not in numbers or len(head.input) < 3:
        return None
    settings = {one.name: onnx.helper.get_attribute_value(one) for one in head.attribute}
    weight = numbers[head.input[1]] if settings.get("transB") else numbers[head.input[1]].T
    node = made.get(head.input[0])
    while node is not None and node.op_type in PASSED:
        node = made.get(node.input[0])
    if node is None or node.op_type not in MEANS or head.input[2] not in numbers:
        return None
    return node.input[0], weight, numbers[head.input[2]]


def _numbers(onnx: Any, graph: Any) -> dict[str, np.ndarray]:
    """Give the constants of a graph by their names, those that it keeps in 8 bits or 32 as what they stand for."""
    numbers = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type != "DequantizeLinear" or not numbers.keys() >= set(node.input):
            continue
        stored, scale, *zero = (numbers[name] for name in node.input)
        settings = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        if scale.ndim == 1 and scale.size > 1:  # One scale a row or a column.
            shape = [1] * stored.ndim
            shape[settings.get("axis", 1)] = -1
            scale, zero = scale.reshape(shape), [one.reshape(shape) for one in zero]
        shifted = stored.astype(np.float64) - (zero[0].astype(np.float64) if zero else 0.0)
        numbers[node.output[0]] = shifted * scale
    return numbers
