"""The operators of the graphs that `export` writes, in torch, one function each, so that a gradient runs back through them.

A function takes the attributes of a node and its inputs, None where one is left out, and gives its outputs. Integers are
tensors of int64. What a graph in INT8 rounds is rounded here too, and its gradient taken as if it were not (straight
through [1]_); each row is rounded by its own range, as the predictor runs each row alone.

References
----------
.. [1] Bengio, Léonard and Courville, "Estimating or propagating gradients through stochastic neurons for conditional
   computation", 2013, arXiv:1308.3432.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from metier.explanation.gradients.saturation import saturates, saturation

Attributes = Mapping[str, Any]
Operator = Callable[..., Any]

STEPS = 255  # Of what a graph in INT8 rounds.
ELEMENTS = {
    1: torch.float32,
    6: torch.int64,
    7: torch.int64,
    9: torch.bool,
    11: torch.float32,
}  # By ONNX's numbers.
MASKED = -10_000.0  # What the fused attention adds to the logits of padding.


def _sizes(shape: Tensor) -> list[int]:
    return [int(size) for size in shape]


def _axes(attributes: Attributes, axes: Tensor | None) -> list[int]:
    given = attributes.get("axes") if axes is None else axes
    return [] if given is None else [int(axis) for axis in given]


def _cast(attributes: Attributes, x: Tensor) -> Tensor:
    # What was rounded stays a float with whole numbers, or its gradient would end here.
    is_rounded = x.is_floating_point() and x.requires_grad
    return x if is_rounded else x.to(ELEMENTS.get(attributes["to"], torch.float32))


def _clip(attributes: Attributes, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return x if low is None and high is None else torch.clamp(x, low, high)


def _constant_of_shape(attributes: Attributes, shape: Tensor) -> Tensor:
    value = attributes.get("value")
    filled = torch.zeros(1) if value is None else value
    return filled.reshape(1).expand(_sizes(shape)).clone()


def _cumulative_sum(attributes: Attributes, x: Tensor, axis: Tensor) -> Tensor:
    if attributes.get("exclusive") or attributes.get("reverse"):
        raise NotImplementedError("CumSum")
    return torch.cumsum(x, int(axis))


def _expand(attributes: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(torch.broadcast_shapes(x.shape, _sizes(shape)))


def _gather(attributes: Attributes, table: Tensor, at: Tensor) -> Tensor:
    axis = attributes.get("axis", 0)
    at = torch.where(at < 0, at + table.shape[axis], at).long()
    if axis == 0:
        return table[at]
    picked = table.index_select(axis, at.reshape(-1))
    return picked.reshape(*table.shape[:axis], *at.shape, *table.shape[axis + 1 :])


def _gather_elements(attributes: Attributes, x: Tensor, at: Tensor) -> Tensor:
    return torch.gather(x, attributes.get("axis", 0), at.long())


def _gelu(attributes: Attributes, x: Tensor, bias: Tensor | None = None) -> Tensor:
    return functional.gelu(x if bias is None else x + bias)


def _fast_gelu(attributes: Attributes, x: Tensor, bias: Tensor | None = None) -> Tensor:
    return functional.gelu(x if bias is None else x + bias, approximate="tanh")


def _gemm(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    product = attributes.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + attributes.get("beta", 1.0) * c


def _layer_norm(attributes: Attributes, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    if attributes.get("axis", -1) not in (-1, x.dim() - 1):
        raise NotImplementedError("LayerNormalization")
    return functional.layer_norm(x, x.shape[-1:], scale, bias, attributes.get("epsilon", 1e-5))


def _reduce(function: Callable[..., Tensor]) -> Operator:
    def reduced(attributes: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
        dimensions = _axes(attributes, axes) or list(range(x.dim()))
        return function(x, dim=dimensions, keepdim=bool(attributes.get("keepdims", 1)))

    return reduced


def _reshape(attributes: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(_sizes(shape))]
    return x.reshape(sizes)


def _slice(
    attributes: Attributes,
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    dimensions = range(len(starts)) if axes is None else _sizes(axes)
    strides = [1] * len(starts) if steps is None else _sizes(steps)
    places = [slice(None)] * x.dim()
    for axis, start, end, step in zip(dimensions, _sizes(starts), _sizes(ends), strides, strict=True):
        places[axis] = slice(start, end, step)
    return x[tuple(places)]


def _unsqueeze(attributes: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    dimensions = _axes(attributes, axes)
    total = x.dim() + len(dimensions)
    for axis in sorted(axis % total for axis in dimensions):
        x = x.unsqueeze(axis)
    return x


def _squeeze(attributes: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    dimensions = _axes(attributes, axes) or [axis for axis, size in enumerate(x.shape) if size == 1]
    return x.squeeze(tuple(dimensions))


def _through(rounded: Tensor, plain: Tensor) -> Tensor:
    """Give what is rounded with the gradient of what is not."""
    return plain + (rounded - plain).detach()


def _quantize_row(attributes: Attributes, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Round each row to 256 steps of its own range; give it, the width of a step, and the step of zero."""
    axes = tuple(range(1, x.dim()))
    held = x.detach()
    low, high = held.amin(axes, keepdim=True).clamp(max=0.0), held.amax(axes, keepdim=True).clamp(min=0.0)
    scale = (high - low) / STEPS
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    zero = torch.round((-low / scale).clamp(0, STEPS))
    plain = x / scale + zero
    return _through(torch.clamp(torch.round(held / scale) + zero, 0, STEPS), plain), scale, zero


def _integer_product(
    attributes: Attributes, a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
) -> Tensor:
    b = b.float()
    shifted = (a if a_zero is None else a - a_zero) @ (b if b_zero is None else b - b_zero.float())
    return shifted + saturation(a, b) if saturates() else shifted


def _dequantize(attributes: Attributes, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    if scale.dim() == 1 and len(scale) > 1:  # One a row or a column.
        shape = [1] * x.dim()
        shape[attributes.get("axis", 1)] = -1
        scale, zero = scale.reshape(shape), None if zero is None else zero.reshape(shape)
    return (x.float() if zero is None else x.float() - zero.float()) * scale


def _mask_of(mask: Tensor | None, n_tokens: int, masked: float) -> Tensor | float:
    """Give what is added to the logits of attention, of shape (n_rows, 1, 1, n_tokens)."""
    if mask is None:
        return 0.0
    if mask.dim() == 1:  # Lengths of rows.
        mask = torch.arange(n_tokens) < mask[:, None]
    return (1.0 - mask.float())[:, None, None, :] * masked


def _attend(attributes: Attributes, qkv: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Give what heads make of queries, keys and values side by side, and their attention."""
    if attributes.get("unidirectional") or attributes.get("qkv_hidden_sizes"):
        raise NotImplementedError("Attention")
    rows, tokens, width = qkv.shape
    heads = attributes["num_heads"]
    query, key, value = qkv.reshape(rows, tokens, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4)
    scale = attributes.get("scale") or 1.0 / math.sqrt(query.shape[-1])
    logits = query @ key.transpose(-1, -2) * scale
    weights = torch.softmax(logits + _mask_of(mask, tokens, attributes.get("mask_filter_value", MASKED)), -1)
    return (weights @ value).transpose(1, 2).reshape(rows, tokens, width // 3), weights


def _attention(
    attributes: Attributes,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mask: Tensor | None = None,
    *rest: Tensor | None,
) -> tuple[Tensor, Tensor]:
    if any(one is not None for one in rest):
        raise NotImplementedError("Attention")
    return _attend(attributes, x @ weight + bias, mask)


def _rounded_attention(
    attributes: Attributes,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    scale: Tensor,
    weight_scale: Tensor,
    mask: Tensor | None = None,
    zero: Tensor | None = None,
    weight_zero: Tensor | None = None,
    *rest: Tensor | None,
) -> tuple[Tensor, Tensor]:
    if any(one is not None for one in rest):
        raise NotImplementedError("QAttention")
    product = _integer_product(attributes, x, weight, zero, weight_zero)
    return _attend(attributes, product * scale * weight_scale + bias, mask)


def _plain(function: Callable[..., Any]) -> Operator:
    """Give the operator of a function of inputs alone."""
    return lambda attributes, *inputs: function(*inputs)


# What gives attention beside its output; `TorchGraph` keeps it.
ATTENTION = ("Attention", "QAttention")
OPERATORS: Mapping[str, Operator] = {
    "Add": _plain(torch.add),
    "And": _plain(torch.logical_and),
    "Attention": _attention,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda attributes, *parts: torch.cat(parts, attributes["axis"]),
    "ConstantOfShape": _constant_of_shape,
    "CumSum": _cumulative_sum,
    "DequantizeLinear": _dequantize,
    "Div": lambda attributes, a, b: a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="floor"),
    "DynamicQuantizeLinear": _quantize_row,
    "Equal": _plain(torch.eq),
    "Erf": _plain(torch.erf),
    "Expand": _expand,
    "FastGelu": _fast_gelu,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Greater": _plain(torch.gt),
    "Identity": _plain(lambda x: x),
    "LayerNormalization": _layer_norm,
    "Less": _plain(torch.lt),
    "MatMul": _plain(torch.matmul),
    "MatMulInteger": _integer_product,
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "Not": _plain(torch.logical_not),
    "Or": _plain(torch.logical_or),
    "Pow": _plain(torch.pow),
    "QAttention": _rounded_attention,
    "ReduceL2": _reduce(torch.linalg.vector_norm),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _plain(torch.relu),
    "Reshape": _reshape,
    "Shape": _plain(lambda x: torch.tensor(x.shape)),
    "Sigmoid": _plain(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda attributes, x: torch.softmax(x, attributes.get("axis", -1)),
    "Sqrt": _plain(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _plain(torch.sub),
    "Tanh": _plain(torch.tanh),
    "Transpose": lambda attributes, x: x.permute(attributes["perm"]),
    "Unsqueeze": _unsqueeze,
    "Where": _plain(torch.where),
}


def attributes_of(onnx: Any, node: Any) -> dict[str, Any]:
    """Give the attributes of a node as plain values, arrays as tensors."""
    found: dict[str, Any] = {}
    for one in node.attribute:
        value = onnx.helper.get_attribute_value(one)
        if isinstance(value, onnx.TensorProto):
            value = tensor_of(onnx, value)
        found[one.name] = value
    return found


def tensor_of(onnx: Any, stored: Any) -> Tensor:
    """Give a constant of a graph; whole numbers are int64, bytes stay bytes, which saves their memory."""
    array = onnx.numpy_helper.to_array(stored)
    found = torch.from_numpy(array.copy())
    if found.dtype in (torch.float16, torch.float64):
        return found.float()
    return found.long() if found.dtype in (torch.int32, torch.int16) else found


def missing_operators(nodes: Sequence[Any]) -> list[str]:
    """Give the names of the operators of a graph that stand in no table."""
    return sorted({node.op_type for node in nodes} - set(OPERATORS) - {"Constant"})
