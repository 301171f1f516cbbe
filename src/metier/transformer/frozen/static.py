"""Static embeddings distilled from the base, and a linear head."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metier.predictors.linear.static import StaticPredictor, StaticVectors
from metier.progress import Listener, ignore
from metier.tasks.examples import Examples
from metier.tasks.method_settings import with_settings
from metier.transformer.frozen.frozen_method import FrozenLinear
from metier.transformer.frozen.frozen_settings import StaticSettings
from metier.transformer.frozen.static_embeddings import distill


@with_settings(StaticSettings)
class Static(FrozenLinear):
    """One vector a token, distilled from a pretrained encoder [1]_, averaged; then logistic regression.

    Answers as fast as TF-IDF and knows words it has never seen labelled; it does not see their order. With few rows a
    label it beats `TfidfLinear`; where a millisecond a row is affordable, `FrozenLinear` is better.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    base_ : Base
        The base that was distilled.
    chosen_params_ : dict
        What to set so that another fit needs no validation.

    References
    ----------
    .. [1] Tulkens and van Dongen, "Model2Vec: fast state-of-the-art static embeddings", 2024.
    """

    name = "static.v1"
    vectors_: StaticVectors

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.linear.static` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _resolve(self, examples: Examples, listener: Listener) -> None:
        super()._resolve(examples, listener)
        self.vectors_ = distill(self.base_, examples.items, listener=listener)

    def _keep(self, examples: Examples, held: Examples | None) -> None:
        super()._keep(examples, held)
        self.predictor_ = StaticPredictor(
            self.vectors_,
            self.head_.weight,
            self.head_.bias,
            temperature=self.head_.decoder.temperature,
            labels=self.head_.decoder.labels,
            name=self.name,
        )
        self.facts_["n_tokens"] = len(self.vectors_.matrix)

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> np.ndarray:
        return self.vectors_.embed(items)
