"""INT8 with ranges of activations that training rows set once: no call has to look for its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

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
# Squared distance from fp32, as a fraction: below it no further operator is left out.
SMALL_ERROR = 1e-3


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
    """Calibrated, per channel; which operators stay in fp32 is chosen by the measured error of the outputs."""

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
        model.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
        onnx.save(model, prepared)
        facts = _quantized(prepared, exact, folder / MODEL_FILE, feeds)
        for path in (exact, prepared):
            path.unlink()
        change_settings(folder, {"precision": "int8", "export": {"chosen": "int8", "why": "metier compress"}})
        return facts


def _quantized(prepared: Path, exact: Path, path: Path, feeds: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Write the graph with the fewest operators left out that come near enough, else with the least error."""
    checked = feeds[:CHOOSING_ROWS]
    expected, errors = numbers_of(exact, checked), dict[str, float]()
    for left_out, names in _left_out(onnx.load(prepared, load_external_data=False)).items():
        tried = path.with_suffix(f".{left_out}.onnx")
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
    return {"left_in_fp32": chosen, "errors": {name: float(f"{error:.3g}") for name, error in errors.items()}}


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


def _quantize(source: Path, path: Path, feeds: Sequence[Sequence[int]], left_out: list[str]) -> None:
    quantize_static(
        source,
        path,
        Calibration(feeds),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=QUANTIZED_OPERATORS,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=left_out,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )
