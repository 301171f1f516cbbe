"""A frozen pretrained encoder and a linear head on one vector per input: `FrozenMethod(input, answer)`.

Vectors are computed once and kept on disk, so a second fit takes seconds. A text has one vector; of a pair it is what
the vectors of its two texts agree in, so that (a, b) is answered as (b, a) is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metier.bases.embedding import embed
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.progress import Listener, ignore
from metier.tasks.answers import LABEL, LABEL_SET, SCORE
from metier.tasks.estimators import Classifier, LabelSetMethod
from metier.tasks.examples import Examples
from metier.tasks.inputs import PAIR, TEXT, TEXT_OR_PAIR, InputKind
from metier.tasks.inputs.pair import Pair
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.text.language import detect_language
from metier.training.frozen_method import OnFrozenBase
from metier.training.heads.frozen_heads import LABEL_HEAD, LABEL_SET_HEAD, SCORE_HEAD
from metier.transformer.frozen.frozen_settings import (
    FrozenLinearSettings,
    FrozenManyLabelsSettings,
    FrozenRidgeSettings,
)
from metier.transformer.frozen.frozen_vectors import ReadsByFrozenBase, compared, distinct_texts, frozen_vectors

COMPARISON = "difference"


class FrozenMethod(ReadsByFrozenBase, OnFrozenBase):
    """Vectors of a frozen pretrained encoder, a linear head, and a kind of answers.

    A method is a row: what it reads (`input`), what it answers (`answer`), how its head is fitted (`head`), whether the
    head of texts takes vectors of length 1 (`unit_length`), and what kind of predictor it leaves (`kind`).

    Attributes
    ----------
    base_ : Base
        The base that was used.
    head_ : FittedHead
        Weight and bias of the head, and its decoder.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True)
    kind: ClassVar[str]
    unit_length: ClassVar[bool] = True
    precision: str

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.graph_predictor` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        is_unit = self.unit_length or self._reading == "compared"
        exported = Exported(
            self.kind,
            self.name,
            self.base_,
            pooled(self._encoder(), self.base_, unit_length=is_unit),
            self.head_.decoder,
            head={"weight": self.head_.weight, "bias": self.head_.bias},
            settings={"reading": self._reading, "comparison": COMPARISON},
        )
        check = None if self._held is None else EquivalenceCheck.of(self.answer, self._held)
        sample = sample_of(self.base_, self._sample)
        report = export_graph(
            exported, folder, check=check, sample=sample, precision=self.precision, typical=self._typical
        )
        keep_report(self, report)

    def _resolve(self, examples: Examples, listener: Listener) -> None:
        """Find the base by the language of the rows."""
        language = detect_language(self.input.texts(examples.items)).main_language
        self.base_ = resolve_base(self.base, language=language)

    def _keep(self, examples: Examples, held: Examples | None) -> None:
        """Keep what answering, the export and another fit need of the rows."""
        super()._keep(examples, held)
        if isinstance(examples.items[0], Pair):
            self._reading = "compared"
        else:
            self._reading = "vectors" if self.unit_length else "whole"
        self._held = held
        self._typical = typical_rows(examples.items)
        self._sample = self.input.texts(self._typical)

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> np.ndarray:
        """Give what the head takes, an ndarray of shape (n_items, n_features)."""
        if isinstance(items[0], Pair):
            texts = distinct_texts(items)
            vectors = dict(zip(texts, frozen_vectors(self.base_, texts, listener=listener), strict=True))
            return compared(items, vectors, COMPARISON)
        vectors_of = frozen_vectors if self.unit_length else embed
        return vectors_of(self.base_, items, listener=listener)

    def _encoder(self) -> torch.nn.Module:
        """Give the encoder that the head stands on: the base as it came."""
        return load_model(self.base_)


@with_settings(FrozenLinearSettings)
class FrozenLinear(FrozenMethod, Classifier):
    """Mean-pooled embeddings of a frozen pretrained encoder, then logistic regression.

    From ten rows a label on it is good, in every language of its base; with thousands of rows `Encoder` gains about a
    point for ten times the training.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "frozen_linear.v1"
    input: ClassVar[InputKind] = TEXT
    answer, head, kind, unit_length = LABEL, LABEL_HEAD, "onnx_encoder.v1", False


@with_settings(FrozenLinearSettings)
class FrozenPair(FrozenLinear):
    """Vectors of a frozen pretrained encoder; logistic regression on |u - v|, u * v and the cosine.

    It knows synonyms, and with a multilingual base other languages. The method for some hundred pairs; with thousands
    `BiEncoder` learns what a match means in this data set.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "frozen_pair.v1"
    input, kind = PAIR, "onnx_bi_encoder.v1"


@with_settings(FrozenManyLabelsSettings)
class FrozenManyLabels(FrozenMethod, LabelSetMethod):
    """Mean-pooled embeddings of a frozen pretrained encoder, then a logistic regression and a threshold a label.

    Sigmoids and thresholds are those of `ManyLabelsLinear`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    """

    name = "frozen_many_labels.v1"
    input, answer, head, kind = TEXT, LABEL_SET, LABEL_SET_HEAD, "onnx_many_labels.v1"


@with_settings(FrozenRidgeSettings)
class FrozenRidge(FrozenMethod, RegressorMixin, BaseEstimator):
    """Vectors of a frozen pretrained encoder, then ridge regression; of pairs |u - v|, u * v and the cosine.

    Each answer has an interval around it whose width comes from rows the model has not seen (split conformal
    prediction, see `evaluation.conformal.half_width`).
    """

    name = "frozen_ridge.v1"
    input, answer, head, kind = TEXT_OR_PAIR, SCORE, SCORE_HEAD, "onnx_scorer.v1"

    def predict(self, X: Any) -> list[float]:
        """Give the score of each text or pair; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = self._logits(self.input.read(X))[:, 0].tolist()
        return scores
