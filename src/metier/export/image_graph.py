"""A network of images and its linear head as one ONNX graph: pixels in, logits out."""

from pathlib import Path

import numpy as np
import torch

from metier.errors import BaseModelError
from metier.export.onnx_graph import LARGEST_DIFFERENCE, OPSET, quiet_export
from metier.predictors.onnx.graph_session import open_session


class PixelsToLogits(torch.nn.Module):
    """A network that gives one vector an image, and a linear head."""

    def __init__(self, network: torch.nn.Module, weight: np.ndarray, bias: np.ndarray):
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


def write_image_graph(module: PixelsToLogits, path: Path, *, size: int) -> None:
    """Write the fp32 graph.

    Raises
    ------
    BaseModelError
        If the graph answers otherwise than the module.
    """
    random = np.random.default_rng(0)
    example = torch.from_numpy(random.integers(0, 256, (2, size, size, 3), dtype=np.uint8))
    module = module.cpu().eval()
    with torch.inference_mode():
        expected = module(example).numpy()
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
    found = open_session(path, threads=1).run(None, {"pixels": example.numpy()})[0]
    # Logits have no unit of their own: what counts is how far they are off beside their spread.
    if np.abs(found - expected).max() > LARGEST_DIFFERENCE * max(1.0, float(np.abs(expected).max())):
        raise BaseModelError(
            "The ONNX graph of the image network gives other outputs than the model. Use another base."
        )
