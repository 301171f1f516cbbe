"""Static embeddings distilled from the base, and a linear head."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sklearn.utils.validation import check_is_fitted

from metier.bases.known_bases import resolve_base
from metier.predictors.linear.static import StaticPredictor, StaticVectors
from metier.progress import Listener, ignore
from metier.tasks.examples import Examples
from metier.tasks.method_settings import with_settings
from metier.text.language import detect_language
from metier.training.heads.linear_probe import probe_bytes, probe_seconds
from metier.training.training_cost import Cost
from metier.transformer.frozen.frozen_method import FrozenLinear
from metier.transformer.frozen.frozen_settings import StaticSettings
from metier.transformer.frozen.static_embeddings import DIMENSIONS, distill, distilling_seconds

# Cutting a text into pieces and averaging their vectors: 11 s for 25,726 rows were measured.
SECONDS_PER_ROW = 5e-4
FLOATS_PER_ROW = 4 * DIMENSIONS  # The vectors, and the copies that fitting makes.


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

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Say what a fit costs here: distilling, unless the cache has it, and next to nothing a row."""
        texts = self.input.texts(self.input.read(X))
        base = resolve_base(self.base, language=detect_language(texts).main_language)
        here = psutil.Process().memory_info().rss
        memory = here + FLOATS_PER_ROW * 8 * len(texts) + probe_bytes(y)
        return Cost(
            SECONDS_PER_ROW,
            0.0,
            memory,
            seconds_before=SECONDS_PER_ROW * len(texts) + probe_seconds(y, DIMENSIONS),
            seconds_fixed=distilling_seconds(base, texts),
        )

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
