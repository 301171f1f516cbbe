"""Nodes and weights of an ONNX graph that is written by hand, and the parts that all transformers are made of.

Weights are float32, or 8 bits in blocks of 32 along the input with a scale each (`MatMulNBits`), as llama.cpp's Q8_0
keeps them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

BLOCK = 32
BITS = 8
ZERO = 128  # What stands for zero in an unsigned byte.
MICROSOFT = "com.microsoft"
OPSETS = (("", 17), (MICROSOFT, 1))
IR_VERSION = 9
# Operators by the names that transformers gives activations; SiLU and ReLU are of plain ONNX.
GELUS = {
    "gelu": "Gelu",
    "gelu_new": "FastGelu",
    "gelu_pytorch_tanh": "FastGelu",
    "gelu_fast": "FastGelu",
    "quick_gelu": "QuickGelu",
}
ACTIVATIONS = frozenset({*GELUS, "silu", "swish", "relu"})


@dataclass(frozen=True)
class Linear:
    """A linear layer: a weight of shape (n_out, n_in), and a bias of shape (n_out,) where it has one.

    `bottleneck` is an adapter behind it: down, GELU, up, added to what the layer gives.
    """

    weight: np.ndarray
    bias: np.ndarray | None = None
    bottleneck: "tuple[Linear, Linear] | None" = None


@dataclass(frozen=True)
class Norm:
    """A norm over the last axis: of the mean square alone, or of mean and variance (`is_centred`)."""

    weight: np.ndarray
    epsilon: float
    bias: np.ndarray | None = None
    is_centred: bool = False


@dataclass(frozen=True)
class Block:
    """Where the norms of a part with a residual connection stand: before it, over what it gives, after the sum."""

    before: Norm | None = None
    of_output: Norm | None = None
    after: Norm | None = None


@dataclass(frozen=True)
class FeedForward:
    """Two linear layers with an activation between them; with `gate`, that activated and multiplied by the first."""

    block: Block
    up: Linear
    down: Linear
    activation: str
    gate: Linear | None = None


class GraphNodes:
    """Collects the nodes and weights of one graph.

    Parameters
    ----------
    precision : {"fp32", "int8"}
    """

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
        """Add a node and give the name of its first output."""
        names = outputs or [f"n{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0]

    def constant(self, value: np.ndarray, name: str | None = None) -> str:
        """Add a weight and give its name."""
        name = name or f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def number(self, value: float, kind: type = np.float32) -> str:
        """Add a single number."""
        return self.constant(np.array(value, dtype=kind))

    def whole(self, *values: int) -> str:
        """Add whole numbers, an axis or a shape."""
        return self.constant(np.array(values, dtype=np.int64))

    def norm(self, hidden: str, norm: Norm | None) -> str:
        """Normalise; without a norm nothing is done."""
        if norm is None:
            return hidden
        given = [hidden, self.constant(norm.weight)]
        if not norm.is_centred:
            return self.node("SimplifiedLayerNormalization", given, axis=-1, epsilon=norm.epsilon, stash_type=1)
        if norm.bias is not None:
            given.append(self.constant(norm.bias))
        return self.node("LayerNormalization", given, axis=-1, epsilon=norm.epsilon)

    def linear(self, hidden: str, layer: Linear, *, output: str | None = None, is_exact: bool = False) -> str:
        """Apply a linear layer; `is_exact` keeps it in float32."""
        outputs = [output] if output else None
        if layer.bottleneck is not None:
            down, up = layer.bottleneck
            given = self.linear(hidden, Linear(layer.weight, layer.bias), is_exact=is_exact)
            more = self.linear(
                self.activation(self.linear(given, down, is_exact=True), "gelu"), up, is_exact=True
            )
            return self.node("Add", [given, more], outputs=outputs)
        if layer.bias is None:
            return self._product(hidden, layer.weight, outputs, is_exact)
        product = self._product(hidden, layer.weight, None, is_exact)
        return self.node("Add", [product, self.constant(layer.bias)], outputs=outputs)

    def _product(self, hidden: str, weight: np.ndarray, outputs: list[str] | None, is_exact: bool) -> str:
        if self.precision == "fp32" or is_exact or weight.shape[1] % BLOCK:
            return self.node("MatMul", [hidden, self.constant(weight.T)], outputs=outputs)
        quantised, scales = quantise(weight)
        return self.node(
            "MatMulNBits",
            [hidden, self.constant(quantised), self.constant(scales)],
            domain=MICROSOFT,
            outputs=outputs,
            K=weight.shape[1],
            N=weight.shape[0],
            bits=BITS,
            block_size=BLOCK,
            accuracy_level=4,  # Activations to 8 bits as well, block by block.
        )

    def activation(self, hidden: str, name: str) -> str:
        """Apply one of `ACTIVATIONS`."""
        if name in GELUS:
            return self.node(GELUS[name], [hidden], domain=MICROSOFT)
        if name == "relu":
            return self.node("Relu", [hidden])
        return self.node("Mul", [hidden, self.node("Sigmoid", [hidden])])

    def embed(self, ids: str, weight: np.ndarray, *, scale: float = 1.0) -> str:
        """Look tokens up, in half precision where weights are of 8 bits."""
        if self.precision == "fp32":
            found = self.node("Gather", [self.constant(weight, "embeddings"), ids])
        else:
            halved = self.constant(weight.astype(np.float16), "embeddings")
            found = self.node("Cast", [self.node("Gather", [halved, ids])], to=TensorProto.FLOAT)
        return found if scale == 1.0 else self.node("Mul", [found, self.number(scale)])

    def head(self, hidden: str, layer: Linear, embeddings: np.ndarray, *, output: str) -> None:
        """Give the logits; a head that shares its matrix with the embeddings stands once in the file."""
        if self.precision == "fp32" and layer.weight is embeddings:
            turned = self.node("Transpose", ["embeddings"], perm=[1, 0])
            product = self.node(
                "MatMul", [hidden, turned], outputs=None if layer.bias is not None else [output]
            )
            if layer.bias is not None:
                self.node("Add", [product, self.constant(layer.bias)], outputs=[output])
        else:
            self.linear(hidden, layer, output=output)

    def capped(self, hidden: str, most: float | None) -> str:
        """Keep numbers within a bound, softly: `most` times the hyperbolic tangent of their share of it."""
        if not most:
            return hidden
        bound = self.number(most)
        return self.node("Mul", [self.node("Tanh", [self.node("Div", [hidden, bound])]), bound])

    def feed_forward(self, given: str, layer: FeedForward) -> str:
        """Apply the two linear layers.

        The way out stays exact: on SmolLM2 it and the queries, keys and values make most of the error of 8 bits, and
        save little.
        """
        up = self.linear(given, layer.up)
        if layer.gate is None:
            mixed = self.activation(up, layer.activation)
        else:
            mixed = self.node("Mul", [self.activation(self.linear(given, layer.gate), layer.activation), up])
        return self.linear(mixed, layer.down, is_exact=True)

    def residual(self, hidden: str, block: Block, made: str) -> str:
        """Add what a part gave to what came into it, with the norms behind it."""
        total = self.node("Add", [hidden, self.norm(made, block.of_output)])
        return self.norm(total, block.after)

    def model(self, name: str, inputs: list[Any], outputs: list[Any]) -> Any:
        """Give the whole as an ONNX model."""
        built = helper.make_graph(self.nodes, name, inputs, outputs, self.weights)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS]
        return helper.make_model(built, opset_imports=opsets, ir_version=IR_VERSION, producer_name="metier")


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


def numbers(name: str, *shape: int | str) -> Any:
    """Describe an input or output of float32."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def whole_numbers(name: str, *shape: int | str, is_short: bool = False) -> Any:
    """Describe an input or output of int64, or of int32 (`is_short`)."""
    kind = TensorProto.INT32 if is_short else TensorProto.INT64
    return helper.make_tensor_value_info(name, kind, list(shape))
