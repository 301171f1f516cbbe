"""Static embeddings distilled from the base, and a linear head."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metier.bases.known_bases import resolve_base
from metier.predictors.linear.static import StaticPredictor
from metier.progress import Listener, ignore
from metier.tasks.estimators import Classifier
from metier.tasks.examples import check_examples
from metier.tasks.method_contract import Capabilities, CostRank
from metier.text.language import detect_language
from metier.training.heads.linear_probe import fit_probe
from metier.transformer.frozen.base_cost import ReadsByFrozenBase
from metier.transformer.frozen.static_embeddings import distill


class Static(ReadsByFrozenBase, Classifier):
    """One vector a token, distilled from a pretrained encoder [1]_, averaged; then logistic regression.

    Answers as fast as TF-IDF and knows words it has never seen labelled; it does not see their order. With few rows a
    label it beats `TfidfLinear`; where a millisecond a row is affordable, `FrozenLinear` is better.

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    C : float, default=None
        Inverse strength of the penalty on standardised embeddings; None: chosen on validation.
    temperature : float, default=None
        What logits are divided by before the softmax; None: fitted on validation.
    random_state : int, default=0

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
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True)

    def __init__(
        self,
        *,
        base: str = "auto",
        C: float | None = None,
        temperature: float | None = None,
        random_state: int = 0,
    ):
        self.base = base
        self.C = C
        self.temperature = temperature
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Distil the base, once for each set of scripts, and fit the head.

        Without `validation`, rows are held out to choose C and the temperature on; the head is then fitted on
        all.
        """
        examples = check_examples(X, y)
        unseen = None if validation is None else check_examples(*validation, classes=examples.classes)
        self.base_ = resolve_base(self.base, language=detect_language(examples.texts).main_language)
        vectors = distill(self.base_, examples.texts, listener=listener)
        probe = fit_probe(
            vectors.embed(examples.texts),
            examples.truth,
            C=self.C,
            temperature=self.temperature,
            validation=None if unseen is None else (vectors.embed(unseen.texts), unseen.truth),
            random_state=self.random_state,
        )
        self.classes_ = examples.classes
        self.predictor_ = StaticPredictor(
            vectors,
            probe.weight,
            probe.bias,
            temperature=probe.temperature,
            labels=[str(label) for label in self.classes_],
            name=self.name,
        )
        self.chosen_params_: dict[str, Any] = {
            "base": self.base_.name,
            "C": probe.C,
            "temperature": probe.temperature,
        }
        self.facts_: dict[str, Any] = {"base": self.base_.name, "n_tokens": len(vectors.matrix)}
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.linear.static` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return self.predictor_.predict(texts).probabilities
