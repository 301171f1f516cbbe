"""What a method's `fit` is handed, checked once: texts, and the label of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.errors import MissingLabelError, TooFewLabelsError, UnseenLabelError
from metier.text.given_texts import as_texts


@dataclass(frozen=True)
class Examples:
    """Texts with their labels as numbers.

    Parameters
    ----------
    texts : sequence of str
    truth : ndarray of int64 of shape (n_texts,)
        Position of each text's label in `classes`.
    classes : ndarray of shape (n_classes,)
        The label space, sorted; str wherever the labels came from a file.
    soft : ndarray of shape (n_texts, n_classes), optional
        Probabilities of the labels, where somebody is not sure of them.
    """

    texts: Sequence[str]
    truth: np.ndarray
    classes: np.ndarray
    soft: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, positions: np.ndarray) -> "Examples":
        """The examples at these positions, in this order."""
        return Examples(
            [self.texts[position] for position in positions],
            self.truth[positions],
            self.classes,
            None if self.soft is None else self.soft[positions],
        )


def as_items(X: Any) -> Sequence[Any]:
    """Give what the rows ask of whatever task: texts, or mappings that hold more than one as they are.

    For methods that are made of others, which know what to do with them.
    """
    if not isinstance(X, str) and hasattr(X, "__getitem__") and hasattr(X, "__len__") and len(X):
        first = X.iloc[0] if hasattr(X, "iloc") else X[0]
        if isinstance(first, Mapping) and set(first) != {"text"}:
            return list(X)
    return as_texts(X)


def check_examples(
    X: Any,
    y: Any,
    *,
    classes: np.ndarray | None = None,
    read: Callable[[Any], Sequence[Any]] = as_texts,
) -> Examples:
    """Check what `fit` was handed, and number its labels.

    Parameters
    ----------
    X : whatever `read` takes
    y : sequence of labels, one a text
    classes : ndarray, default=None
        The label space of the training rows, when these are validation rows; None: learn it from `y`.
    read : callable
        From `X` to its items; of another task than classification they are no texts, and neither are `texts` of
        what comes out.

    Raises
    ------
    ValueError
        If there is not one label for each text.
    MissingLabelError
        If a label is None or not a number.
    TooFewLabelsError
        If all labels are the same.
    UnseenLabelError
        If a validation row has a label that `classes` does not hold.
    """
    texts = read(X)
    labels = _as_labels(y)
    if len(texts) != len(labels):
        raise ValueError(
            f"Expected one label for each text, found {len(texts)} texts and {len(labels)} labels."
        )
    if classes is not None:
        return Examples(texts, _find(labels, classes), classes)
    classes, truth = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        # scikit-learn's checks look for the words "1 class".
        raise TooFewLabelsError(
            f"Classification tells at least two labels apart, but all {len(labels)} rows have the label "
            f"{str(classes[0])!r}: 1 class. Check the labels, or add rows with other ones."
        )
    return Examples(texts, truth.astype(np.int64), classes)


def _as_labels(y: Any) -> np.ndarray:
    if y is None:
        raise ValueError(
            "This method requires y to be passed, but the target y is None: give one label for each text."
        )
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(
            f"Expected labels in one dimension, found shape {labels.shape}. Give one label for each text."
        )
    missing = [value is None or value != value for value in labels.tolist()]
    if any(missing):
        raise MissingLabelError(
            f"{sum(missing)} of {len(missing)} labels are missing, first at position {missing.index(True)}. "
            "Label these texts, or leave them out."
        )
    if labels.dtype == object:
        return np.asarray([str(value) for value in labels])
    return labels


def _find(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    unseen = np.setdiff1d(labels, classes)
    if len(unseen):
        shown = ", ".join(repr(str(label)) for label in unseen[:5])
        raise UnseenLabelError(
            f"The validation rows use {len(unseen)} labels that the training rows never show: {shown}. "
            "Add training rows with these labels, or mend the spelling."
        )
    return np.searchsorted(classes, labels).astype(np.int64)
