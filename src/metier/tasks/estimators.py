"""What methods of one task have in common: the tags of their rows for scikit-learn, and how they answer.

Nothing need inherit from these: the contract is scikit-learn's, and a method that keeps it by itself is as good. They
are here so that what is the same in a dozen methods is written once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.bio import Span
from metier.tasks.answers.scored_spans import ScoredSpan, span_answers, targets_of
from metier.tasks.inputs.pair import Pair, as_pairs
from metier.text.given_texts import as_texts


class TextMethod(BaseEstimator):
    """A method whose `X` is a list of texts."""

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of texts, no array of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


class Classifier(ClassifierMixin, TextMethod):
    """One label for each item: the most probable one.

    A special case gives the probabilities of checked items (`_probabilities`), and how items are read where they
    are not texts (`_read`).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    classes_: np.ndarray

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each label for each item.

        Returns
        -------
        ndarray of float64 of shape (n_items, n_classes)
            Each row sums to 1.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        """
        check_is_fitted(self)
        return self._probabilities(self._read(X))

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable label for each item."""
        probabilities = self.predict_proba(X)  # First: it fails where nothing was fitted.
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def _read(self, X: Any) -> Sequence[Any]:
        """Give the items of what the method was handed, checked."""
        return as_texts(X)

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        """Give the probabilities of checked items, an ndarray of float64 of shape (n_items, n_classes)."""
        raise NotImplementedError


class PairClassifier(Classifier):
    """One label for each pair of texts."""

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of pairs."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        tags.input_tags.dict = True
        return tags

    def _read(self, X: Any) -> list[Pair]:
        return as_pairs(X)


class LabelSetMethod(TextMethod):
    """A set of labels for each text.

    A special case answers checked texts (`_answer`), with the `probabilities` of labels and the sets `predicted`.
    """

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of texts, and `y` sets of labels."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each label by itself.

        Returns
        -------
        ndarray of float64 of shape (n_texts, n_labels)
            No label is likelier than the one it stands under.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        """
        check_is_fitted(self)
        return np.asarray(self._answer(self._read(X)).probabilities)

    def predict(self, X: Any) -> list[list[str]]:
        """Give the labels of each text, sorted; an empty list is the answer "none"."""
        check_is_fitted(self)
        predicted: list[list[str]] = self._answer(self._read(X)).predicted
        return predicted

    def _read(self, X: Any) -> Sequence[Any]:
        """Give the items of what the method was handed, checked."""
        return as_texts(X)

    def _answer(self, texts: Sequence[str]) -> Any:
        """Answer checked texts."""
        raise NotImplementedError


class SpanMethod(BaseEstimator):
    """The spans of each text, found by the `predictor_` that a fit leaves, or as a special case has it (`_spans`)."""

    name: ClassVar[str]
    predictor_: Any

    def predict(self, X: Any) -> list[list[Span]]:
        """Give the spans of each text as [start, end, label], in order."""
        return [targets_of(spans) for spans in self.predict_spans(X)]

    def predict_spans(self, X: Any) -> list[list[ScoredSpan]]:
        """Give the spans of each text with their probabilities."""
        check_is_fitted(self)
        return self._spans(as_texts(X))

    def answers(self, X: Any) -> RecordAnswers:
        """Give the answer to each text with how sure it is."""
        texts = as_texts(X)
        return span_answers(texts, self.predict_spans(texts), name=self.name)

    def _spans(self, texts: Sequence[str]) -> list[list[ScoredSpan]]:
        """Give the spans of checked texts."""
        return [self.predictor_.spans(text) for text in texts]

    def export(self, folder: Path) -> None:
        """Leave the files that the predictor answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)


class SearchMethod(TextMethod):
    """The texts of a collection that match a query, answered by the `predictor_` that a fit leaves."""

    predictor_: Any

    def predict(self, X: Any) -> list[list[str]]:
        """Give the ids of the best matches of each query, the best first."""
        check_is_fitted(self)
        ids: list[list[str]] = self.predictor_.predict(as_texts(X)).predicted
        return ids


class WritingMethod(BaseEstimator):
    """A method whose answers are texts, written by the `predictor_` that a fit leaves."""

    predictor_: Any

    def predict(self, X: Any) -> list[str]:
        """Give the text that answers each item."""
        check_is_fitted(self)
        written: list[str] = self.predictor_.predict(X).predicted
        return written

    def export(self, folder: Path) -> None:
        """Leave the files that the predictor answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)
