"""Two frozen towers, one of texts and one of images, and a fusion on top: `JointMethod(fusion, answer)`.

What the towers give of a row is computed once, so that a second fit takes seconds. A row may lack its text or its image;
what then answers was trained and calibrated for that.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metier.bases.huggingface_folder import load_model
from metier.bases.image_base import image_base
from metier.bases.known_bases import resolve_base
from metier.export.graph_export import export_graph, keep_report, pooled, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.multimodal.fusions.bilinear import BILINEAR
from metier.multimodal.fusions.concat import N_WALKED, Concatenation
from metier.multimodal.fusions.cross_attention import CROSS_ATTENTION
from metier.multimodal.fusions.gated import GATED
from metier.multimodal.joint_export import ExportedTowers, TokenStates, token_sample
from metier.multimodal.joint_head import JointHead
from metier.multimodal.joint_settings import (
    JointLabelSetSettings,
    JointLinearSettings,
    JointNetworkSettings,
    JointRidgeSettings,
)
from metier.multimodal.towers import Towers, reading_cost
from metier.progress import Listener, ignore
from metier.tasks.answers import LABEL, LABEL_SET, SCORE
from metier.tasks.estimators import Classifier, LabelSetMethod
from metier.tasks.examples import Examples
from metier.tasks.inputs import TEXT_IMAGE, InputKind
from metier.tasks.inputs.text_image import TextImage
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.text.language import detect_language
from metier.training.frozen_method import OnFrozenBase
from metier.training.heads.frozen_heads import LABEL_HEAD, LABEL_SET_HEAD, SCORE_HEAD
from metier.training.heads.linear_probe import probe_bytes, probe_seconds
from metier.training.training_cost import Cost

USUAL_DIMENSIONS = 1664  # Of both vectors, to foretell what fitting a head takes.


JOINT = Capabilities(cost=CostRank.FROZEN, needs_base=True, is_joint=True)
ON_TOP = replace(JOINT, baseline="joint.v1")


class JointMethod(OnFrozenBase):
    """Numbers of two frozen towers, a fusion, and a kind of answers.

    A method is a row: what it answers (`answer`), its fusion (`head`), and what kind of predictor it leaves (`kind`).

    Attributes
    ----------
    base_, image_base_ : Base
        The bases that were used.
    head_ : FittedFusion
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    input: ClassVar[InputKind] = TEXT_IMAGE
    capabilities: ClassVar[Capabilities] = JOINT
    kind: ClassVar[str]
    exported: ClassVar[type[ExportedTowers]] = ExportedTowers
    head: ClassVar[Any]
    head_: Any
    image_base: Any
    precision: str

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time some real texts and images and say what a fit costs here; nothing is learned."""
        items = self.input.read(X)
        towers = self._towers(self._text_base(items), image_base(self.image_base))
        cost = reading_cost(towers, self._sides(items))
        return Cost(
            cost.seconds_per_row,
            0.0,
            cost.memory_bytes + probe_bytes(y),
            seconds_before=cost.seconds_before + N_WALKED * probe_seconds(y, USUAL_DIMENSIONS),
            seconds_per_answer=cost.seconds_per_answer,
        )

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.graph_predictor` answers from: a graph for each tower, and the fusion's."""
        check_is_fitted(self)
        towers, encoder = self._towers(self.base_, self.image_base_), load_model(self.base_)
        exported = self.exported(
            self.kind,
            self.name,
            self.base_,
            TokenStates(encoder) if towers.in_detail else pooled(encoder, self.base_),
            towers.image_module(),
            self.head_.module,
            self.head_.decoder,
            in_detail=towers.in_detail,
        )
        report = export_graph(
            exported,
            folder,
            check=None if self._held is None else EquivalenceCheck.of(self.answer, self._held),
            sample=token_sample(self.base_, self._sides(self._typical)),
            precision=self.precision,
            typical=self._typical,
        )
        keep_report(self, report)

    def _sides(self, items: Sequence[Any]) -> Sequence[TextImage]:
        """Give the texts with images that the towers read of items."""
        return items

    def _text_base(self, items: Sequence[Any]) -> Any:
        return resolve_base(self.base, language=detect_language(self.input.texts(items)).main_language)

    def _towers(self, text: Any, image: Any) -> Towers:
        return Towers(text, image, in_detail=self.head.in_detail)

    def _resolve(self, examples: Examples, listener: Listener) -> None:
        """Find the base of the texts by their language, and that of the images."""
        self.base_ = self._text_base(examples.items)
        self.image_base_ = image_base(self.image_base)

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> Any:
        """Give what the towers give of items."""
        return self._towers(self.base_, self.image_base_).read(items, listener=listener)

    def _keep(self, examples: Examples, held: Examples | None) -> None:
        """Keep what answering, the export and another fit need of the rows."""
        super()._keep(examples, held)
        self.chosen_params_["image_base"] = self.facts_["image_base"] = self.image_base_.name
        self._held = held
        self._typical = typical_rows(examples.items)


@with_settings(JointLinearSettings)
class Joint(JointMethod, Classifier):
    """Vectors of a frozen text encoder and of a frozen network of images, one after the other, then logistic regression.

    Rows may lack their text or their image. It is the first to try; docs/images_with_texts.md has the others
    beside it. How much the image counts against the text is chosen on validation rows, so that one that tells nothing
    costs little.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "joint.v1"
    answer, kind = LABEL, "onnx_joint.v1"
    head: ClassVar[Any] = JointHead(Concatenation(LABEL_HEAD, ("C", "image_weight")))


@with_settings(JointNetworkSettings)
class JointGated(JointMethod, Classifier):
    """Vectors of a frozen text encoder and of a frozen network of images, weighted against one another by a gate.

    Worth a try where in some rows the text tells the label and in others the image.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "joint_gated.v1"
    capabilities: ClassVar[Capabilities] = ON_TOP
    answer, kind = LABEL, "onnx_joint.v1"
    head: ClassVar[Any] = JointHead(GATED)


@with_settings(JointNetworkSettings)
class JointBilinear(JointMethod, Classifier):
    """Vectors of a frozen text encoder and of a frozen network of images, multiplied with one another at low rank.

    Worth a try where what a text means depends on the image beside it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "joint_bilinear.v1"
    capabilities: ClassVar[Capabilities] = ON_TOP
    answer, kind = LABEL, "onnx_joint.v1"
    head: ClassVar[Any] = JointHead(BILINEAR)


@with_settings(JointNetworkSettings)
class JointAttention(JointMethod, Classifier):
    """Words that look at the regions of the image, and regions that look at the words, on two frozen towers.

    Worth a try where a word names a part of the image; it reads the first 64 tokens of a text.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "joint_attention.v1"
    capabilities: ClassVar[Capabilities] = ON_TOP
    answer, kind = LABEL, "onnx_joint.v1"
    head: ClassVar[Any] = JointHead(CROSS_ATTENTION)


@with_settings(JointLabelSetSettings)
class JointLabelSets(JointMethod, LabelSetMethod):
    """Vectors of a frozen text encoder and of a frozen network of images, then logistic regression and a threshold a label.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "joint_label_sets.v1"
    answer, kind = LABEL_SET, "onnx_joint_labels.v1"
    head: ClassVar[Any] = JointHead(Concatenation(LABEL_SET_HEAD, ("C", "image_weight")))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each label by itself, of shape (n_rows, n_labels)."""
        check_is_fitted(self)
        return np.asarray(self._answer(self.input.read(X)).probabilities)

    def predict(self, X: Any) -> list[list[str]]:
        """Give the labels of each row, sorted; an empty list is the answer "none"."""
        check_is_fitted(self)
        predicted: list[list[str]] = self._answer(self.input.read(X)).predicted
        return predicted


@with_settings(JointRidgeSettings)
class JointRidge(JointMethod, RegressorMixin, BaseEstimator):
    """Vectors of a frozen text encoder and of a frozen network of images, then ridge regression with an interval."""

    name = "joint_ridge.v1"
    answer, kind = SCORE, "onnx_joint_scorer.v1"
    head: ClassVar[Any] = JointHead(Concatenation(SCORE_HEAD, ("penalty", "image_weight")))

    def predict(self, X: Any) -> list[float]:
        """Give the score of each row; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = self._logits(self.input.read(X))[:, 0].tolist()
        return scores
