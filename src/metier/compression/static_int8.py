"""INT8 with ranges of activations that training rows set once: no call has to look for its own."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from metier.compression.fp32_graph import write_fp32
from metier.compression.graph_feeds import feeds_of, numbers_of, squared_error
from metier.compression.materials import Materials
from metier.compression.part_files import change_settings, copy_part
from metier.compression.technique import is_encoder
from metier.export.onnx_graph import QUANTIZED_OPERATORS, quantize_tables
from metier.export.smoothing import smooth
from metier.predictors.onnx.graph_session import MODEL_FILE

CALIBRATED_ROWS = 48
CHOOSING_ROWS = 32
# Squared distance from fp32, as a fraction: below it no further operator is left out. Dynamic INT8 is at some 2e-3.
SMALL_ERROR = 4e-3
MARKED = {"key": "onnx.quant.pre_process", "value": "onnxruntime.quant"}  # Else the root logger is set up.


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Rows in the form that onnxruntime reads them."""

    def __init__(self, feeds: Sequence[Sequence[int]]):
        self._rows = self._arrays(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Give the next row, None after the last."""
        return next(self._rows, None)

    @staticmethod
    def _arrays(feeds: Sequence[Sequence[int]]) -> Iterator[dict[str, np.ndarray]]:
        for row in feeds:
            ids = np.array([row], dtype=np.int64)
            yield {"input_ids": ids, "attention_mask": np.ones_like(ids)}


@dataclass(frozen=True)
class StaticInt8:
    """Calibrated, per channel; which operators keep the range of each call is chosen by measured error."""

    name: ClassVar[str] = "int8_static"

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is an encoder."""
        return is_encoder(settings)

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files with the graph in INT8."""
        copy_part(part, folder, without=(MODEL_FILE,))
        feeds = feeds_of(part, materials.typical)
        exact, prepared = folder / "exact.onnx", folder / "prepared.onnx"
        write_fp32(part, exact, feeds)
        smooth(exact, prepared, feeds)
        model = onnx.load(prepared)
        quantize_tables(model)
        _say_types(model)
        onnx.save(model, prepared)
        facts = _quantized(prepared, exact, folder / MODEL_FILE, feeds)
        for path in (exact, prepared):
            path.unlink()
        change_settings(folder, {"precision": "int8", "export": {"chosen": "int8", "why": "metier compress"}})
        return facts


def _say_types(model: onnx.ModelProto) -> None:
    """Say that products are of floats: the types of a graph with fused attention are not inferred, and skipped then."""
    known = {one.name for one in (*model.graph.value_info, *model.graph.output, *model.graph.initializer)}
    nodes = [node for node in model.graph.node if node.op_type in QUANTIZED_OPERATORS]
    names = {name for node in nodes for name in (node.input[0], node.output[0])} - known
    floats = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in sorted(names)]
    model.graph.value_info.extend(floats)
    model.metadata_props.add(**MARKED)


def _quantized(prepared: Path, exact: Path, path: Path, feeds: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Write the graph with the fewest operators left out that come near enough, else with the least error."""
    checked = feeds[:CHOOSING_ROWS]
    expected, errors = numbers_of(exact, checked), dict[str, float]()
    for left_out, names in _left_out(onnx.load(prepared, load_external_data=False)).items():
        tried = path.with_suffix(f".{left_out}.onnx")
        with _quiet_root():
            _quantize(prepared, tried, feeds[-CALIBRATED_ROWS:], names)
        errors[left_out] = squared_error(numbers_of(tried, checked), expected)
        if errors[left_out] < SMALL_ERROR:
            break
    chosen = min(errors, key=lambda one: (errors[one] >= SMALL_ERROR, errors[one]))
    for left_out in errors:
        tried = path.with_suffix(f".{left_out}.onnx")
        if left_out == chosen:
            tried.replace(path)
        else:
            tried.unlink()
    return {"left_dynamic": chosen, "errors": {name: float(f"{error:.3g}") for name, error in errors.items()}}


def _left_out(model: onnx.ModelProto) -> dict[str, list[str]]:
    """Give what is tried: nothing left out, the products whose activations have outliers, attention, both."""
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    attention = [node.name for node in model.graph.node if node.op_type == "Attention"]
    narrowing = [
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul" and (size := weights.get(node.input[1])) and size[0] > size[1]
    ]
    return {
        "none": [],
        "narrowing": narrowing,
        "attention": attention,
        "narrowing_and_attention": [*narrowing, *attention],
    }


@contextmanager
def _quiet_root() -> Iterator[None]:
    """Keep onnxruntime from setting up the root logger and writing its advice there."""
    root, handler = logging.getLogger(), logging.NullHandler()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


def _quantize(source: Path, path: Path, feeds: Sequence[Sequence[int]], left_out: list[str]) -> None:
    """Set ranges for all products but those that are left out, which look for theirs at each call."""
    ranged = path.with_suffix(".ranged.onnx")
    options = {"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT}
    quantize_static(
        source,
        ranged,
        Calibration(feeds),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=QUANTIZED_OPERATORS,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=left_out,
        extra_options=options,
    )
    model = onnx.load(ranged)
    model.metadata_props.add(**MARKED)
    onnx.save(model, ranged)
    quantize_dynamic(
        ranged,
        path,
        per_channel=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=QUANTIZED_OPERATORS,
        nodes_to_quantize=left_out or ["none"],
        extra_options=options,
    )
    ranged.unlink()
