"""Pairs whose sides may have images: both sides by two frozen towers, what they have in common, logistic regression."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from metier.multimodal.fusions.pair import PairOutputs, fit_pair_fusion
from metier.multimodal.joint import JOINT, JointMethod
from metier.multimodal.joint_export import ExportedPairTowers, ExportedTowers
from metier.multimodal.joint_settings import IMAGE_BASE, C
from metier.progress import Listener, ignore
from metier.tasks.answers import LABEL
from metier.tasks.answers.decoder_settings import TEMPERATURE
from metier.tasks.estimators import Classifier
from metier.tasks.inputs import PAIR_IMAGE, InputKind
from metier.tasks.inputs.text_image import TextImage
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.training.encoder_settings import Precision


class JointPairSettings(MethodSettings):
    """Settings of a logistic regression on what two sides have in common."""

    base: Any = Field(
        "auto",
        description="Of the texts: a folder, a known short name, a hub name; `auto` picks by their language.",
    )
    image_base: Any = IMAGE_BASE
    C: float | None = C
    temperature: float | None = TEMPERATURE
    precision: Precision = Field(
        "auto",
        description="Precision of the exported text encoder; `auto`: INT8 where it passes the equivalence check and is "
        "faster.",
    )
    random_state: Any = Field(0, description="Seed of the held-out rows.")


@dataclass(frozen=True)
class PairHead:
    """Fits what is on top of both sides."""

    in_detail: ClassVar[bool] = False

    def fit(self, known: Any, held: Any, answer: Any, given: Any) -> Any:
        """Fit the alignment of texts and images, and the head; see `fusions.pair`."""
        return fit_pair_fusion(known, held, answer, given)


@with_settings(JointPairSettings)
class JointPair(JointMethod, Classifier):
    """Both sides of a pair by a frozen text encoder and a frozen network of images, then logistic regression.

    A side may be a text, an image or both. Texts are compared with texts and images with images, by difference and product;
    a text with an image by their cosine in a space that is learned from the texts and images of the training rows that
    belong together, which needs some hundred of them.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "joint_pair.v1"
    input: ClassVar[InputKind] = PAIR_IMAGE
    capabilities: ClassVar[Capabilities] = JOINT
    answer, kind = LABEL, "onnx_joint_pair.v1"
    exported: ClassVar[type[ExportedTowers]] = ExportedPairTowers
    head: ClassVar[Any] = PairHead()

    def _sides(self, items: Sequence[Any]) -> list[TextImage]:
        """Give both sides of every pair, one after the other."""
        return [side for pair in items for side in pair]

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> Any:
        towers = self._towers(self.base_, self.image_base_)
        both = towers.read(self._sides(items), listener=listener)
        return PairOutputs(both[np.arange(0, len(both), 2)], both[np.arange(1, len(both), 2)])
