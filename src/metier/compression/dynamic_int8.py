"""INT8 with the range of each call's activations: weights by channel, embeddings by row."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from metier.compression.fp32_graph import write_fp32
from metier.compression.graph_feeds import feeds_of
from metier.compression.materials import Materials
from metier.compression.part_files import change_settings, copy_part
from metier.compression.technique import is_encoder
from metier.export.onnx_graph import quantize
from metier.predictors.onnx.graph_session import MODEL_FILE


@dataclass(frozen=True)
class DynamicInt8:
    """What `metier train` does by itself where validation rows allow it; here after other techniques, too."""

    name: ClassVar[str] = "int8"

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is an encoder in fp32."""
        return is_encoder(settings) and settings["precision"] == "fp32"

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files with the graph in INT8."""
        copy_part(part, folder, without=(MODEL_FILE,))
        exact = folder / "exact.onnx"
        feeds = feeds_of(part, materials.typical)
        write_fp32(part, exact, feeds)
        quantize(exact, folder / MODEL_FILE, rows=feeds)
        exact.unlink()
        change_settings(folder, {"precision": "int8", "export": {"chosen": "int8", "why": "metier compress"}})
        return {"rows_smoothed_on": len(feeds)}
