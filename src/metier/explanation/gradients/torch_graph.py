"""A sealed graph of a text encoder run in torch, operator by operator, from its word embeddings to what it gives."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from metier.errors import CallError, MissingExtraError
from metier.explanation.gradients.operators import (
    ATTENTION,
    OPERATORS,
    attributes_of,
    missing_operators,
    tensor_of,
)
from metier.predictors.onnx.external_data import check_no_external_data

IDS, MASK = "input_ids", "attention_mask"
OTHER_METHODS = "Use the method shapley or leave_one_out."


@dataclass(frozen=True)
class Step:
    """One node of a graph: its operator, its attributes, and the names of what goes in and comes out."""

    operator: str
    attributes: Mapping[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """What one run of a graph gave.

    Parameters
    ----------
    output : Tensor
    attention : list of Tensor of shape (n_rows, n_heads, n_tokens, n_tokens)
        Of each layer; a row sums to 1.
    """

    output: Tensor
    attention: list[Tensor] = field(default_factory=list)


class TorchGraph:
    """A graph that takes token ids and their mask.

    Parameters
    ----------
    steps : sequence of Step
        In the order of the graph.
    constants : mapping of str to Tensor
    output : str
        Name of what it gives.
    embedded : str
        Name of the word embeddings of the tokens, from which gradients are taken.
    """

    def __init__(self, steps: Sequence[Step], constants: Mapping[str, Tensor], output: str, embedded: str):
        self._steps, self._constants = steps, constants
        self._output, self._embedded = output, embedded
        self._n_embedding = 1 + next(n for n, one in enumerate(steps) if embedded in one.outputs)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a graph.

        Raises
        ------
        MissingExtraError
            If onnx is not installed.
        CallError
            If it has operators that are not known here, or takes no tokens.
        UnsafeFileError
            If it keeps weights in other files.
        """
        check_no_external_data(path)
        try:
            onnx = importlib.import_module("onnx")
        except ModuleNotFoundError as error:
            raise MissingExtraError("Gradients of a bundle", extra="train") from error
        graph = onnx.load(str(path)).graph
        if missing := missing_operators(graph.node):
            raise CallError(
                f"The graph of this model has operators of which no gradient is known here: {', '.join(missing)}. "
                f"{OTHER_METHODS}"
            )
        constants = {one.name: tensor_of(onnx, one) for one in graph.initializer}
        steps = []
        for node in graph.node:
            attributes = attributes_of(onnx, node)
            if node.op_type == "Constant":
                constants[node.output[0]] = attributes["value"]
            else:
                steps.append(Step(node.op_type, attributes, tuple(node.input), tuple(node.output)))
        embedded = _embedded(steps, constants) if {one.name for one in graph.input} == {IDS, MASK} else None
        if embedded is None:
            raise CallError(
                f"The graph of this model reads no words from a table, so none has a gradient. {OTHER_METHODS}"
            )
        return cls(steps, constants, graph.output[0].name, embedded)

    def embed(self, ids: Tensor) -> Tensor:
        """Give the word embeddings of token ids of shape (n_rows, n_tokens)."""
        with torch.no_grad():
            values = self._values(ids)
            for step in self._steps[: self._n_embedding]:
                if self._embedded in step.outputs or set(step.inputs) & values.keys():
                    self._do(step, values)
        return values[self._embedded]

    def run(self, ids: Tensor, embeddings: Tensor | None = None, *, keep_attention: bool = False) -> Run:
        """Run rows of one length.

        Parameters
        ----------
        ids : Tensor of int64 of shape (n_rows, n_tokens)
            Without padding.
        embeddings : Tensor, optional
            What stands in the place of the word embeddings; a gradient can be taken with respect to it.
        keep_attention : bool, default=False
            Whether to give the attention of every layer.
        """
        values = self._values(ids)
        found = Run(ids)
        for step in self._steps:
            attention = self._do(step, values)
            if embeddings is not None and self._embedded in step.outputs:
                values[self._embedded] = embeddings
            if keep_attention and attention is not None:
                found.attention.append(attention)
        return Run(values[self._output], found.attention)

    def _values(self, ids: Tensor) -> dict[str, Tensor]:
        return {IDS: ids, MASK: torch.ones_like(ids)}

    def _do(self, step: Step, values: dict[str, Tensor]) -> Tensor | None:
        """Run one step, and give its attention where it has one."""
        inputs = [self._constants.get(name, values.get(name)) if name else None for name in step.inputs]
        outputs = OPERATORS[step.operator](step.attributes, *inputs)
        if step.operator in ATTENTION:
            values[step.outputs[0]] = outputs[0]
            return outputs[1]  # type: ignore[no-any-return]
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        values.update(zip(step.outputs, outputs, strict=False))
        is_attention = step.operator == "Softmax" and outputs[0].dim() == 4
        return outputs[0] if is_attention else None


def _embedded(steps: Sequence[Step], constants: Mapping[str, Tensor]) -> str | None:
    """Give the name of the word embeddings: what is gathered by the ids from a wide table, and scaled if it is bytes."""
    for step in steps:
        table = constants.get(step.inputs[0]) if step.operator == "Gather" else None
        if table is None or step.inputs[1] != IDS or table.dim() != 2 or table.shape[1] == 1:
            continue
        if table.is_floating_point():
            return step.outputs[0]
        return _scaled(steps, step.outputs[0])
    return None


def _scaled(steps: Sequence[Step], name: str) -> str | None:
    """Give the name of what bytes are once they are floats and multiplied by their scale."""
    for step in steps:
        if name in step.inputs and step.operator in ("Cast", "Mul"):
            name = step.outputs[0]
            if step.operator == "Mul":
                return name
    return None
