"""A network of images tuned on the rows, its head started from the frozen linear solution; one method a kind of answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metier.tasks.answers import GRADE, LABEL, LABEL_SET, SCORE
from metier.tasks.answers.decoder_settings import COVERAGE, HALF_WIDTH, ORDER, RULE, TEMPERATURE
from metier.tasks.inputs import IMAGE
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import OBJECTIVE, LabelSettings
from metier.training.heads.image_head import ImageHead
from metier.training.heads.pooled_head import QuestionStart
from metier.training.heads.ridge_probe import RidgeStart
from metier.training.image_settings import ImageSettings
from metier.training.objectives.learning import GRADES, LABEL_SETS, SCORES
from metier.training.tuned_method import (
    FINE_TUNING,
    TunedClassifier,
    TunedEstimator,
    TunedLabelSets,
    TunedMethod,
)

TUNES_IMAGES = replace(FINE_TUNING, sees=True)


class ImageEncoderSettings(ImageSettings, LabelSettings):
    """What `ImageEncoder` can be set to."""

    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Label smoothing: share of the target that is spread over all labels."
    )
    objective: str | None = Field("cross_entropy", description=OBJECTIVE)


@with_settings(ImageEncoderSettings)
class ImageEncoder(TunedClassifier):
    """A network trained on photographs, tuned on the rows: by default its upper blocks, on changed versions of each.

    The head starts from the solution on the frozen network (linear probing, then fine-tuning [1]_); the batch norms keep
    their statistics, which some hundred rows would spoil. What the frozen blocks below give is computed once for each
    version of an image, so an epoch costs the upper blocks alone. With some ten images a
    label it gained nothing over `FrozenImage` (docs/images.md).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.

    References
    ----------
    .. [1] Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution", 2022,
       arXiv:2202.10054.
    """

    name = "image_encoder.v1"
    capabilities: ClassVar[Capabilities] = TUNES_IMAGES
    method = TunedMethod(IMAGE, ImageHead("onnx_image.v1"), LABEL)


class ImageLabelsSettings(ImageSettings):
    """What `ImageLabelsEncoder` can be set to."""

    learning = LABEL_SETS

    rule: dict[str, Any] | None = RULE


@with_settings(ImageLabelsSettings)
class ImageLabelsEncoder(TunedLabelSets):
    """A network of images tuned by binary cross-entropy, then a sigmoid and a threshold per label.

    What is tuned and how is as in `ImageEncoder`; the head starts from the logistic regressions on the frozen network.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "image_labels_encoder.v1"
    capabilities: ClassVar[Capabilities] = TUNES_IMAGES
    method = TunedMethod(IMAGE, ImageHead("onnx_image_labels.v1", QuestionStart()), LABEL_SET)


class ImageGradesSettings(ImageSettings):
    """What `ImageGradesEncoder` can be set to."""

    learning = GRADES

    order: Sequence[str] | None = ORDER
    temperature: float | None = TEMPERATURE


@with_settings(ImageGradesSettings)
class ImageGradesEncoder(TunedClassifier):
    """A network of images tuned under a CORN head [1]_ for ordinal labels; otherwise as `ImageEncoder`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_grades,)
        Grades in their order, which is that of the columns of `predict_proba`.

    References
    ----------
    .. [1] Shi, Cao and Raschka, "Deep neural networks for rank-consistent ordinal regression based on conditional
       probabilities", 2021, arXiv:2111.08851.
    """

    name = "image_grades_encoder.v1"
    capabilities: ClassVar[Capabilities] = replace(TUNES_IMAGES, baseline="frozen_image.v1")
    method = TunedMethod(
        IMAGE, ImageHead("onnx_image_grader.v1", QuestionStart()), GRADE, checked_with=("order",)
    )


class ImageScoreSettings(ImageSettings):
    """What `ImageScoreEncoder` can be set to."""

    learning = SCORES

    half_width: float | None = HALF_WIDTH
    coverage: float = COVERAGE


@with_settings(ImageScoreSettings)
class ImageScoreEncoder(RegressorMixin, TunedEstimator):
    """A network of images tuned by squared error; each answer has an interval, as that of `FrozenImageRidge`.

    What is tuned and how is as in `ImageEncoder`; the head starts from a ridge regression, whose penalty is 1 / C a row.
    """

    name = "image_score_encoder.v1"
    capabilities: ClassVar[Capabilities] = TUNES_IMAGES
    method = TunedMethod(IMAGE, ImageHead("onnx_image_scorer.v1", RidgeStart()), SCORE)

    def predict(self, X: Any) -> list[float]:
        """Give the score of each image; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = self._logits(self._read(X))[:, 0].tolist()
        return scores
