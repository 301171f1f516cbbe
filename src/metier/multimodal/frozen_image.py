"""A frozen network of images and a linear head on one vector per image."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psutil
import torch
from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from metier.bases.efficientnet_lite import DIMENSIONS, SIZE
from metier.bases.image_embedding import embed_images, image_base, load_image_model, pixels_of
from metier.export.image_graph import PixelsToLogits, write_image_graph
from metier.predictors.loading import write_settings
from metier.predictors.onnx.graph_session import MODEL_FILE
from metier.progress import Listener, ignore
from metier.tasks.answers import LABEL
from metier.tasks.answers.decoder_settings import TEMPERATURE
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples
from metier.tasks.inputs import IMAGE, InputKind
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.training.frozen_method import OnFrozenBase
from metier.training.heads.frozen_heads import LABEL_HEAD
from metier.training.heads.linear_probe import probe_bytes, probe_seconds
from metier.training.training_cost import Cost

TIMED_IMAGES = 8
MAP_BYTES = 200_000_000  # What the maps of some images take while they are embedded.


class FrozenImageSettings(MethodSettings):
    """Settings of a logistic regression on vectors of images."""

    base: Any = Field("auto", description="A known short name; `auto` is efficientnet-lite0.")
    C: float | None = Field(
        None,
        gt=0,
        description="Inverse strength of the penalty on standardised numbers; None: chosen on validation.",
    )
    temperature: float | None = TEMPERATURE
    random_state: Any = Field(0, description="Seed of the held-out rows.")


@with_settings(FrozenImageSettings)
class FrozenImage(OnFrozenBase, Classifier):
    """Vectors of a frozen network that was trained on photographs, then logistic regression.

    From ten images a label on it is good on photographs; drawings, scans and X-rays are further from what its network
    knows. The whole image is scaled to a square of 224 pixels, so what is small in it is lost.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "frozen_image.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True, sees=True)
    input: ClassVar[InputKind] = IMAGE
    answer, head, kind = LABEL, LABEL_HEAD, "onnx_image.v1"

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time some real images and say what a fit costs here; nothing is learned."""
        pictures = self.input.read(X)
        some, model = pictures[:: max(1, len(pictures) // TIMED_IMAGES)][:TIMED_IMAGES], self._network()
        began = time.perf_counter()
        with torch.inference_mode():
            model(torch.from_numpy(pixels_of(some)))
        seconds = (time.perf_counter() - began) / len(some)
        memory = psutil.Process().memory_info().rss + probe_bytes(y) + MAP_BYTES
        before = seconds * len(pictures) + probe_seconds(y, DIMENSIONS)
        return Cost(seconds, 0.0, memory, seconds_before=before, seconds_per_answer=seconds)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.graph_predictor` answers from: one graph from pixels to logits."""
        check_is_fitted(self)
        folder.mkdir(parents=True, exist_ok=True)
        module = PixelsToLogits(self._network(), self.head_.weight, self.head_.bias)
        write_image_graph(module, folder / MODEL_FILE, size=SIZE)
        settings = {"kind": self.kind, "name": self.name, **self.head_.decoder.settings()}
        write_settings(folder, {**settings, "image_size": SIZE, "precision": "fp32"})

    def _network(self) -> Any:
        return load_image_model(image_base(self.base))

    def _resolve(self, examples: Examples, listener: Listener) -> None:
        self.base_ = image_base(self.base)

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> np.ndarray:
        return embed_images(self.base_, items, listener=listener)
