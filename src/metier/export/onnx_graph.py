"""An encoder as an ONNX graph: token ids and mask in, one vector a text out; in fp32 and in INT8.

The TorchScript exporter writes it: the newer one takes ten times as long, and its files cannot be quantized
(onnxruntime 1.31: ShapeInferenceError). Attention is then fused into one operator. Fusing additions with the layer
norms and biases behind them, which onnxruntime's optimiser would do too, was measured slower and is left out.
"""

import copy
import inspect
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model
from transformers import PreTrainedModel

from metier.bases.embedding import mean_pool
from metier.errors import BaseModelError
from metier.export.smoothing import smooth
from metier.predictors.onnx.graph_session import open_session

OPSET = 17
# Architectures whose attention onnxruntime's optimiser knows as BERT's.
FUSED_TYPES = ("bert", "roberta", "xlm-roberta", "camembert", "electra")
QUANTIZED_OPERATORS = ["MatMul", "Attention"]
EXPECTED_WARNINGS = (
    "You are using the legacy TorchScript-based ONNX export",
    "The feature will be removed. Please remove usage of this function",
    "Exporting aten::index operator of advanced indexing",
    "Constant folding - Only steps=1 can be constant folded",
)
# Float32 sums in another order; a wrong fusion is off by whole tenths.
LARGEST_DIFFERENCE = 1e-4


class PooledEncoder(torch.nn.Module):
    """An encoder that gives one vector a text: the mean of its last hidden states, of length 1 if asked."""

    def __init__(self, encoder: torch.nn.Module, *, normalise: bool):
        super().__init__()
        self.encoder = encoder
        self.normalise = normalise
        self.has_types = "token_type_ids" in inspect.signature(encoder.forward).parameters

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Give the vectors, a Tensor of shape (n_texts, hidden_size)."""
        # Given types keep a dozen operators out of the graph, with which a missing one would be made up.
        types = {"token_type_ids": torch.zeros_like(input_ids)} if self.has_types else {}
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **types).last_hidden_state
        pooled = mean_pool(hidden, attention_mask)
        return torch.nn.functional.normalize(pooled, dim=1) if self.normalise else pooled


def write_graph(model: torch.nn.Module, path: Path, *, normalise: bool) -> None:
    """Write the fp32 graph of an encoder and its pooling; see `write_module`."""
    write_module(PooledEncoder(model, normalise=normalise), model.config, path)


def write_module(module: torch.nn.Module, config: Any, path: Path) -> None:
    """Write a module as an fp32 graph, its attention fused where that leaves the answers alone.

    Parameters
    ----------
    module : Module
        Takes `input_ids` and `attention_mask` of shape (n_texts, n_tokens), gives one Tensor, the texts first.
        It holds the encoder as `encoder` and is not changed.
    config : PretrainedConfig
        Of that encoder.

    Raises
    ------
    BaseModelError
        If the architecture cannot be traced, or its graph answers differently from the module.
    """
    plain = path.with_suffix(".plain.onnx")
    traced = _for_tracing(module)
    example = _example(int(config.vocab_size))
    with torch.inference_mode():
        expected = traced(*map(torch.from_numpy, example)).numpy()
    try:
        _trace(traced, plain)
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        raise BaseModelError(
            f"An encoder of type {config.model_type!r} cannot be written as ONNX ({error}). "
            "Use a base of another architecture, BERT or RoBERTa for instance."
        ) from error
    if not _agrees(plain, example, expected):
        raise BaseModelError(
            f"The ONNX graph of an encoder of type {config.model_type!r} gives other outputs than the model. "
            "Use a base of another architecture, BERT or RoBERTa for instance."
        )
    if config.model_type in FUSED_TYPES:
        _fuse(plain, path, config)
        if _agrees(path, example, expected):
            plain.unlink()
            return
    plain.replace(path)


def quantize(source: Path, path: Path, *, rows: Sequence[Sequence[int]] = ()) -> None:
    """Write the INT8 graph: weights by channel, embeddings by row, activations by the range of each call.

    Parameters
    ----------
    rows : sequence of token ids
        Typical texts, to even out the activations by first; without them this step is left out.
    """
    prepared = path.with_suffix(".prepared.onnx")
    if rows:
        smooth(source, prepared, rows)
    model = onnx.load(prepared if rows else source)
    quantize_tables(model)
    # Says that the graph needs no pre-processing; without it the root logger is set up and written to.
    model.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    onnx.save(model, prepared)
    del model
    quantize_dynamic(
        prepared,
        path,
        per_channel=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=QUANTIZED_OPERATORS,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    prepared.unlink()


def _for_tracing(module: torch.nn.Module) -> torch.nn.Module:
    # A copy: training may go on with the model, on its device and with its attention.
    traced = copy.deepcopy(module).cpu().float()
    # Training in half precision leaves a `forward` on the module that casts to it; the class has the plain one.
    for part in traced.modules():
        part.__dict__.pop("forward", None)
    encoder = traced.encoder
    is_fused = ("sdpa", "flash_attention_2")
    if isinstance(encoder, PreTrainedModel) and encoder.config._attn_implementation in is_fused:
        encoder.set_attn_implementation("eager")  # The form that the fusion recognises.
    return traced.eval()


def _example(vocab_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Give two rows of different length, so that the trace holds the mask and no fixed shape."""
    ids = np.random.default_rng(0).integers(0, vocab_size, size=(2, 9), dtype=np.int64)
    mask = np.ones_like(ids)
    mask[1, 5:] = 0
    return ids, mask


def _trace(pooled: torch.nn.Module, path: Path) -> None:
    ids, mask = _example(int(pooled.encoder.config.vocab_size))  # type: ignore[union-attr, operator]
    short, whole = ((torch.from_numpy(ids[:, :n]), torch.from_numpy(mask[:, :n])) for n in (7, ids.shape[1]))
    with torch.inference_mode():
        sizes = zip(pooled(*short).shape, pooled(*whole).shape, strict=True)
    tokens = {axis: "tokens" for axis, (one, other) in enumerate(sizes) if one != other}
    rows = {0: "texts"}
    with quiet_export():
        torch.onnx.export(
            pooled,
            short,
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["vector"],
            dynamic_axes={name: rows | {1: "tokens"} for name in ("input_ids", "attention_mask")}
            | {"vector": rows | tokens},
            opset_version=OPSET,
            dynamo=False,
        )


def _fuse(source: Path, path: Path, config: object) -> None:
    options = FusionOptions("bert")
    options.enable_skip_layer_norm = False
    options.enable_bias_skip_layer_norm = False
    options.enable_bias_gelu = False
    options.enable_embed_layer_norm = False
    with _quiet_optimiser():
        fused = optimize_model(
            str(source),
            model_type="bert",
            num_heads=config.num_attention_heads,  # type: ignore[attr-defined]
            hidden_size=config.hidden_size,  # type: ignore[attr-defined]
            optimization_options=options,
            opt_level=0,
        )
        fused.save_model_to_file(str(path))


def _agrees(path: Path, example: tuple[np.ndarray, np.ndarray], expected: np.ndarray) -> bool:
    session = open_session(path, threads=1)
    found = session.run(None, {"input_ids": example[0], "attention_mask": example[1]})[0]
    return bool(np.abs(found - expected).max() < LARGEST_DIFFERENCE)


@contextmanager
def quiet_export() -> Iterator[None]:
    """Silence what the exporter says of itself, and of what a trace fixes."""
    with warnings.catch_warnings():
        # We chose this exporter knowingly; what the trace fixes is checked against the model afterwards.
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        yield


@contextmanager
def _quiet_optimiser() -> Iterator[None]:
    logger = logging.getLogger("onnxruntime.transformers")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


# Tables of fewer rows (positions, token types) are not worth it.
FEWEST_ROWS = 1_000


def quantize_tables(model: onnx.ModelProto) -> None:
    """Turn every large table that rows are gathered from into bytes and scales, in place."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        table = tensors.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or len(table.dims) != 2 or table.dims[0] < FEWEST_ROWS:
            nodes.append(node)
            continue
        nodes.extend(_replace(model, node, numpy_helper.to_array(table)))
        model.graph.initializer.remove(table)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _replace(model: onnx.ModelProto, node: onnx.NodeProto, table: np.ndarray) -> list[onnx.NodeProto]:
    scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, np.float32(1e-12)).astype(np.float32)
    quantized = np.round(table / scales).astype(np.int8)
    name = node.input[0]
    model.graph.initializer.append(numpy_helper.from_array(quantized, f"{name}_bytes"))
    model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
    ids, out = node.input[1], node.output[0]
    return [
        helper.make_node("Gather", [f"{name}_bytes", ids], [f"{out}_bytes"], name=f"{node.name}_bytes"),
        helper.make_node("Gather", [f"{name}_scales", ids], [f"{out}_scales"], name=f"{node.name}_scales"),
        helper.make_node(
            "Cast", [f"{out}_bytes"], [f"{out}_floats"], name=f"{node.name}_floats", to=onnx.TensorProto.FLOAT
        ),
        helper.make_node("Mul", [f"{out}_floats", f"{out}_scales"], [out], name=node.name),
    ]
