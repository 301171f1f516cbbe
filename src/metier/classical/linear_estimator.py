"""Linear methods as scikit-learn estimators: read and check rows, build the method, keep the fit."""

from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
from sklearn.base import clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.classical.learned_features import fit_bytes, numbers_of_all
from metier.classical.linear_method import LinearFit, LinearMethod
from metier.predictors.linear.linear_predictor import LinearPredictor
from metier.progress import Listener, ignore
from metier.tasks.answer_batches import Answers
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples
from metier.tasks.inputs import InputKind
from metier.tasks.method_settings import MethodSettings


class LinearEstimator:
    """Stands before one of the estimators of `tasks.estimators`, which says how answers are given.

    A special case says of which rows and answers it is, and puts its method together from its settings (`_method`).

    Attributes
    ----------
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    trials_ : list of dict
        Every setting that was tried, the best first, with its figures on held-out rows.
    facts_ : dict
        What is worth telling in the report.
    """

    name: ClassVar[str]
    input: ClassVar[InputKind]
    answer: ClassVar[Decodable]
    Settings: ClassVar[type[MethodSettings]]
    random_state: Any
    predictor_: LinearPredictor

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what the rows are."""
        return self.input.tags(super().__sklearn_tags__())  # type: ignore[misc]  # Of the estimator behind.

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None = None,
        soft: Any = None,
        listener: Listener = ignore,
    ) -> Self:
        """Learn from items and the answer to each.

        Without `validation`, a tenth of the rows (of fewer than 1,000 rows: each fifth in turn) is held out to
        choose on; the chosen model is then trained on all rows.

        Parameters
        ----------
        soft : array of shape (n_items, n_labels) or (n_items,), optional
            What labelling rules or a teacher think of each item, where the method states that it takes soft labels:
            probabilities of the labels, or another score. Settings are chosen by `y`.
        """
        return self._keep(self._learn(X, y, validation, listener, soft=soft))

    def memory_bytes(self, X: Any, y: Any) -> int:
        """Give the bytes that a fit on these rows takes at its peak, besides what the process has."""
        examples = self._check(self.input.read(X), y)
        method = self._method(examples)
        return fit_bytes(method.features, examples.items, n_logits=method.answer.n_logits(examples))

    @property
    def fits_each_label(self) -> bool:
        """Whether a fit makes a model for each label, and takes as many times as long."""
        return True

    def as_on_all(self, X: Any, y: Any) -> Self:
        """Give a method that tries on a sample the settings that all these rows leave time for."""
        examples = self._check(self.input.read(X), y)
        method, n_logits = self._method(examples), self.answer.n_logits(examples)
        numbers = numbers_of_all(method.features, examples.items, n_logits=n_logits)
        settings = method.learner.settings(n_numbers=numbers, n_logits=n_logits)
        if len(settings) > 1:
            return self
        alone: Self = clone(self).set_params(**settings[0])
        return alone

    def n_learned(self, X: Any, y: Any) -> int:
        """Give how many of these rows are learned from."""
        examples = self._check(self.input.read(X), y)
        return self._method(examples).features.n_sampled(examples)

    def answers(self, X: Any) -> Any:
        """Give the answer to each item with how sure it is."""
        check_is_fitted(self)
        return self._answer(self._read(X))

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.linear.linear_predictor` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _learn(
        self, X: Any, y: Any, validation: tuple[Any, Any] | None, listener: Listener, *, soft: Any = None
    ) -> LinearFit:
        self.Settings.of(self)
        examples = self._check(self.input.read(X), y)
        held_rows = None
        if validation is not None:
            items, targets = validation
            held_rows = self.answer.check(self.input.read(items), targets, known=examples)
        method = self._method(examples)
        options: dict[str, Any] = {"random_state": self.random_state, "listener": listener, "name": self.name}
        return method.fit(examples, held_rows, soft=soft, **options)

    def _keep(self, found: LinearFit) -> Self:
        self.predictor_ = found.predictor
        self.chosen_params_ = found.chosen
        self.trials_ = [trial.facts for trial in found.trials]
        self.facts_ = self._facts(found)
        if len(found.examples.labels):
            self.classes_ = found.examples.labels
        return self

    def _check(self, items: Any, y: Any) -> Examples:
        """Check the training rows."""
        return self.answer.check(items, y)

    def _method(self, examples: Examples) -> LinearMethod:
        """Put the method together for these rows."""
        raise NotImplementedError

    def _facts(self, found: LinearFit) -> dict[str, Any]:
        return {}

    def _read(self, X: Any) -> Any:
        return self.input.read(X)

    def _answer(self, items: Any) -> Any:
        return self.predictor_.predict(items)

    def _probabilities(self, items: Any) -> np.ndarray:
        return cast(Answers, self.predictor_.predict(items)).probabilities
