"""A frozen network of images and a linear head on one vector per image."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psutil
import torch
from pydantic import Field
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metier.bases.image_base import image_base
from metier.bases.image_embedding import embed_images, pixels_of
from metier.bases.image_network import load_image_network
from metier.export.graph_export import export_graph, keep_report, typical_rows
from metier.export.image_graph import ExportedImages, PixelsToLogits
from metier.export.precision_choice import EquivalenceCheck
from metier.progress import Listener, ignore
from metier.tasks.answers import LABEL, LABEL_SET, SCORE
from metier.tasks.answers.decoder_settings import COVERAGE, HALF_WIDTH, RULE, TEMPERATURE
from metier.tasks.estimators import Classifier, LabelSetMethod
from metier.tasks.examples import Examples
from metier.tasks.inputs import IMAGE, InputKind
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.training.encoder_settings import Precision
from metier.training.frozen_method import OnFrozenBase
from metier.training.heads.frozen_heads import LABEL_HEAD, LABEL_SET_HEAD, SCORE_HEAD
from metier.training.heads.linear_probe import probe_bytes, probe_seconds
from metier.training.training_cost import Cost

PENALTY: Any = Field(
    None,
    gt=0,
    description="Inverse strength of the penalty on standardised numbers; None: chosen on validation.",
)
TIMED_IMAGES = 8
MAP_BYTES = 200_000_000  # What the maps of some images take while they are embedded.


class OnImagesSettings(MethodSettings):
    """Settings of every head on vectors of images."""

    base: Any = Field(
        "auto", description="A folder in Hugging Face layout, a known short name; `auto` is efficientnet-lite0."
    )
    precision: Precision = Field(
        "auto",
        description="Precision of the exported network; `auto`: INT8 where it passes the equivalence check and is faster.",
    )
    random_state: Any = Field(0, description="Seed of the held-out rows.")


class FrozenImageSettings(OnImagesSettings):
    """Settings of a logistic regression on vectors of images."""

    C: float | None = PENALTY
    temperature: float | None = TEMPERATURE


class FrozenImageLabelsSettings(OnImagesSettings):
    """Settings of a logistic regression a label."""

    C: float | None = PENALTY
    rule: Mapping[str, list[float]] | None = RULE


class FrozenImageRidgeSettings(OnImagesSettings):
    """Settings of a ridge regression on vectors of images."""

    penalty: float | None = Field(
        None,
        gt=0,
        description="Strength of the penalty per row, on standardised features; None: by squared error on validation.",
    )
    half_width: float | None = HALF_WIDTH
    coverage: float = COVERAGE


class FrozenImageMethod(OnFrozenBase):
    """Vectors of a frozen network of images, a linear head, and a kind of answers.

    A method is a row: what it answers (`answer`), how its head is fitted (`head`), what kind of predictor it leaves
    (`kind`).
    """

    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True, sees=True)
    input: ClassVar[InputKind] = IMAGE
    kind: ClassVar[str]
    precision: str

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time some real images and say what a fit costs here; nothing is learned."""
        pictures = self.input.read(X)
        some, network = pictures[:: max(1, len(pictures) // TIMED_IMAGES)][:TIMED_IMAGES], self._network()
        began = time.perf_counter()
        with torch.inference_mode():
            network(torch.from_numpy(pixels_of(some, network.preparation)))
        seconds = (time.perf_counter() - began) / len(some)
        memory = psutil.Process().memory_info().rss + probe_bytes(y) + MAP_BYTES
        before = seconds * len(pictures) + probe_seconds(y, network.dimensions)
        return Cost(seconds, 0.0, memory, seconds_before=before, seconds_per_answer=seconds)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.graph_predictor` answers from: one graph from pixels to logits."""
        check_is_fitted(self)
        module = PixelsToLogits(self._network(), self.head_.weight, self.head_.bias)
        exported = ExportedImages(self.kind, self.name, self.base_, module, self.head_.decoder)
        check = None if self._held is None else EquivalenceCheck.of(self.answer, self._held)
        report = export_graph(
            exported,
            folder,
            check=check,
            sample=self._typical,
            precision=self.precision,
            typical=self._typical,
        )
        keep_report(self, report)

    def _network(self) -> Any:
        return load_image_network(image_base(self.base))

    def _resolve(self, examples: Examples, listener: Listener) -> None:
        self.base_ = image_base(self.base)

    def _keep(self, examples: Examples, held: Examples | None) -> None:
        """Keep what answering, the export and another fit need of the rows."""
        super()._keep(examples, held)
        self._held, self._typical = held, typical_rows(examples.items)

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> np.ndarray:
        return embed_images(self.base_, items, listener=listener)


@with_settings(FrozenImageSettings)
class FrozenImage(FrozenImageMethod, Classifier):
    """Vectors of a frozen network that was trained on photographs, then logistic regression.

    From ten images a label on it is good on photographs; drawings, scans and X-rays are further from what its network
    knows. The whole image is scaled to a square of 224 pixels, so what is small in it is lost.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "frozen_image.v1"
    answer, head, kind = LABEL, LABEL_HEAD, "onnx_image.v1"


@with_settings(FrozenImageLabelsSettings)
class FrozenImageLabels(FrozenImageMethod, LabelSetMethod):
    """Vectors of a frozen network of images, then a logistic regression and a threshold a label.

    Sigmoids and thresholds are those of `ManyLabelsLinear`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "frozen_image_labels.v1"
    answer, head, kind = LABEL_SET, LABEL_SET_HEAD, "onnx_image_labels.v1"


@with_settings(FrozenImageRidgeSettings)
class FrozenImageRidge(FrozenImageMethod, RegressorMixin, BaseEstimator):
    """Vectors of a frozen network of images, then ridge regression.

    Each answer has an interval around it whose width comes from rows the model has not seen (split conformal
    prediction, see `evaluation.conformal.half_width`).
    """

    name = "frozen_image_ridge.v1"
    answer, head, kind = SCORE, SCORE_HEAD, "onnx_image_scorer.v1"

    def predict(self, X: Any) -> list[float]:
        """Give the score of each image; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = self._logits(self.input.read(X))[:, 0].tolist()
        return scores
