"""The base as it came, and a linear head on its embeddings."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.progress import Listener, ignore
from metier.tasks.examples import check_examples
from metier.text.given_texts import as_texts
from metier.text.language import detect_language
from metier.transformer.bases import load_model, resolve_base
from metier.transformer.embedding import embed
from metier.transformer.export import SAMPLED_ROWS, check_precision, export_encoder
from metier.transformer.linear_probe import fit_probe


class FrozenLinear(ClassifierMixin, BaseEstimator):
    """Mean-pooled embeddings of a frozen pretrained encoder, then logistic regression.

    Embeddings are computed once and kept on disk, so a second fit takes seconds. From ten rows a label on it is
    good, in every language of its base; with thousands of rows `Encoder` gains about a point for ten times the
    training.

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    C : float, default=None
        Inverse strength of the penalty on standardised embeddings; None: chosen on validation.
    temperature : float, default=None
        What logits are divided by before the softmax; None: fitted on validation.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of the exported encoder; `auto` keeps INT8 only where it is proved equal and measured faster.
    random_state : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    base_ : Base
        The base that was used.
    probe_ : Probe
        Weight and bias of the head, C and temperature.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    name = "frozen_linear.v1"

    def __init__(
        self,
        *,
        base: str = "auto",
        C: float | None = None,
        temperature: float | None = None,
        precision: str = "auto",
        random_state: int = 0,
    ):
        self.base = base
        self.C = C
        self.temperature = temperature
        self.precision = precision
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed the texts, or look their embeddings up, and fit the head.

        Without `validation`, rows are held out to choose C and the temperature on; the head is then fitted on
        all.
        """
        check_precision(self.precision)
        examples = check_examples(X, y)
        unseen = None if validation is None else check_examples(*validation, classes=examples.classes)
        self.base_ = resolve_base(self.base, language=detect_language(examples.texts).main_language)
        embeddings = embed(self.base_, examples.texts, listener=listener)
        away = None if unseen is None else (embed(self.base_, unseen.texts, listener=listener), unseen.truth)
        self.probe_ = fit_probe(
            embeddings,
            examples.truth,
            C=self.C,
            temperature=self.temperature,
            validation=away,
            random_state=self.random_state,
        )
        self.classes_ = examples.classes
        self.chosen_params_ = {
            "base": self.base_.name,
            "C": self.probe_.C,
            "temperature": self.probe_.temperature,
        }
        self.facts_: dict[str, Any] = {"base": self.base_.name}
        self._gate_rows = unseen
        # Evenly: files are often sorted by label.
        self._sample = examples.texts[:: max(1, len(examples) // SAMPLED_ROWS)]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the calibrated probability of each label for each text.

        Returns
        -------
        ndarray of float64 of shape (n_texts, n_classes)
            Each row sums to 1.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        """
        check_is_fitted(self)
        return self.probe_.probabilities(embed(self.base_, as_texts(X)))

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable label for each text."""
        probabilities = self.predict_proba(X)  # First: it says when nothing was fitted.
        return self.classes_[probabilities.argmax(axis=1)]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx_encoder` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        report = export_encoder(
            load_model(self.base_),
            self.base_,
            folder,
            weight=self.probe_.weight,
            bias=self.probe_.bias,
            labels=[str(label) for label in self.classes_],
            name=self.name,
            temperature=self.probe_.temperature,
            validation=None if self._gate_rows is None else (self._gate_rows.texts, self._gate_rows.truth),
            sample=self._sample,
            precision=self.precision,
        )
        # What validation decided holds for a refit on all rows too, which has no rows left to decide on.
        self.chosen_params_["precision"] = report.chosen
        self.facts_["export"] = asdict(report)
