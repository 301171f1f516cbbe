"""A network of images, perhaps with its linear head, as one ONNX graph: pixels in, vectors or logits out; fp32 or INT8."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from safetensors.numpy import save_file

from metier.bases.base import FACTS_FILE, Base
from metier.bases.image_network import save_image_network
from metier.errors import BaseModelError
from metier.export.onnx_graph import LARGEST_DIFFERENCE, OPSET, quiet_export
from metier.image.picture import Picture
from metier.image.preparation import Preparation
from metier.predictors.onnx.graph_session import HEAD_FILE, open_session
from metier.tasks.answers import Decoder

IMAGES_AT_ONCE = 4  # Of the sample that ranges of activations are read from.


class PixelsToLogits(torch.nn.Module):
    """A network that gives one vector an image, and a linear head."""

    def __init__(self, network: Any, weight: np.ndarray, bias: np.ndarray):
        super().__init__()
        self.network = network
        self.head = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Give the logits, a Tensor of shape (n_images, n_logits)."""
        logits: torch.Tensor = self.head(self.network(pixels))
        return logits


@dataclass(frozen=True)
class ImageExportable:
    """A trained network and head, which become a predictor.

    Parameters
    ----------
    module : PixelsToLogits
    """

    module: PixelsToLogits

    def named(self, kind: str, name: str, base: Base, decoder: Decoder) -> "ExportedImages":
        """Give what is written, of the method and the base that it is of."""
        return ExportedImages(kind, name, base, self.module, decoder)


@dataclass(frozen=True)
class ExportedImages:
    """What a predictor of images is made of; an `export.graph_export.ExportedGraph`.

    Parameters
    ----------
    kind : str
        Of the predictor: a row of `predictors.onnx.graph_kinds.GRAPH_KINDS`.
    name : str
        Versioned name of the method.
    base : Base
    module : PixelsToLogits
    decoder : Decoder
    """

    kind: str
    name: str
    base: Base
    module: PixelsToLogits
    decoder: Decoder

    @property
    def preparation(self) -> Preparation:
        """How images become pixels."""
        found: Preparation = self.module.network.preparation
        return found

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Nothing: the head is in the graph."""
        return {}

    @cached_property
    def predictor_settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps, but for the precision: mean and spread of the colours are in the graph, too."""
        preparation = self.preparation.as_settings()
        return {
            "kind": self.kind,
            "name": self.name,
            **self.decoder.settings(),
            "preparation": preparation | {"normalised_by": "graph"},
        }

    def write_reading(self, folder: Path) -> None:
        """Write nothing: how images are prepared stands in `predictor.json`."""

    def write_graph(self, path: Path) -> None:
        """Write the fp32 graph."""
        write_image_graph(self.module, path, preparation=self.preparation)

    def write_int8(self, source: Path, path: Path, sample: Sequence[Picture]) -> None:
        """Write the INT8 graph; the sample is images."""
        quantize_image_graph(source, path, [self.preparation.pixels(picture) for picture in sample])

    def write_plain(self, folder: Path) -> None:
        """Write the network as a folder that can be a base again, and the head beside it."""
        save_image_network(self.module.network, self.base, folder)
        head = {name: weight.detach().cpu().numpy() for name, weight in self.module.head.named_parameters()}
        save_file(head, folder / HEAD_FILE)
        (folder / HEAD_FILE).chmod(0o644)
        facts = {
            "labels": self.predictor_settings.get("labels", []),
            "preparation": self.preparation.as_settings(),
        }
        (folder / FACTS_FILE).write_text(
            json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )


def write_image_graph(module: torch.nn.Module, path: Path, *, preparation: Preparation) -> None:
    """Write the fp32 graph of a module from pixels to numbers or logits, one row an image.

    Raises
    ------
    BaseModelError
        If the network cannot be traced, or the graph answers otherwise than the module.
    """
    random = np.random.default_rng(0)
    shape = (2, preparation.height, preparation.width, 3)
    example = torch.from_numpy(random.integers(0, 256, shape, dtype=np.uint8))
    module = module.cpu().eval()
    with torch.inference_mode():
        expected = module(example).numpy()
    try:
        _trace(module, example, path)
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        raise BaseModelError(
            f"The network of images cannot be written as ONNX ({error}). Use another base for images."
        ) from error
    found = open_session(path, threads=1).run(None, {"pixels": example.numpy()})[0]
    # Logits have no unit of their own: what counts is how far they are off beside their spread.
    if np.abs(found - expected).max() > LARGEST_DIFFERENCE * max(1.0, float(np.abs(expected).max())):
        raise BaseModelError(
            "The ONNX graph of the image network gives other outputs than the model. Use another base."
        )


def quantize_image_graph(source: Path, path: Path, pixels: Sequence[np.ndarray]) -> None:
    """Write the INT8 graph: weights by channel, and activations by the range that they have on typical images.

    Parameters
    ----------
    pixels : sequence of ndarray of uint8 of shape (height, width, 3)
    """
    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    head = onnx.load(prepared).graph.node[-1].name
    quantize_static(
        prepared,
        path,
        _Pixels(pixels),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        # Seven bits of weights: processors without VNNI add two products in sixteen bits, and eight would overflow.
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        # The head's logits are what is compared: it stays in fp32, and costs next to nothing.
        nodes_to_exclude=[head],
    )
    prepared.unlink()


class _Pixels(CalibrationDataReader):
    """Typical images, a few at a time, as onnxruntime asks for them."""

    def __init__(self, pixels: Sequence[np.ndarray]):
        starts = range(0, len(pixels), IMAGES_AT_ONCE)
        self._batches = iter([np.stack(pixels[start : start + IMAGES_AT_ONCE]) for start in starts])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Give the next batch; None where there is none."""
        batch = next(self._batches, None)
        return None if batch is None else {"pixels": batch}


def _trace(module: torch.nn.Module, example: torch.Tensor, path: Path) -> None:
    with quiet_export():
        torch.onnx.export(
            module,
            (example,),
            str(path),
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_axes={"pixels": {0: "images"}, "logits": {0: "images"}},
            opset_version=OPSET,
            dynamo=False,
        )
