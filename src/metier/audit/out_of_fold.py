"""Probabilities of labels for rows that a model was not trained on, by cheap models: the evidence of the deeper checks.

Two models: multinomial naive Bayes on sparse counts, which takes a tenth of the time of a linear model, and logistic
regression on the vectors of a frozen encoder. Both are trained on the other folds, so that no row says anything about
itself.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from metier.evaluation.softmax import softmax

N_FOLDS = 4
NUMBERS_AT_ONCE = 2_000_000  # Probabilities in memory, of 8 bytes, a few times over.
SMOOTHING = 0.05
INVERSE_PENALTY = 0.1  # Of logistic regression on vectors that are scaled to a variance of about 1.
MOST_STEPS = 100


class Probe(Protocol):
    """A fitted model of labels."""

    def probabilities(self, features: Any) -> np.ndarray:
        """Give the probabilities of the labels, of shape (n_rows, n_classes)."""


class BuildProbe(Protocol):
    """Fits a model of labels."""

    def __call__(self, features: Any, codes: np.ndarray, *, n_classes: int) -> Probe:
        """Fit it to features of shape (n_rows, n_features) and the labels of the rows, numbered from 0."""


class SparseBayes:
    """Multinomial naive Bayes as scikit-learn has it, with weights for those words alone that a label has.

    With thousands of labels and tens of thousands of words, a weight for each pair takes gigabytes, and nearly all of
    them are those of a word that the label never had: this part of the sum depends on the label alone.
    """

    def __init__(self, features: csr_matrix, codes: np.ndarray, *, n_classes: int):
        rows = np.arange(len(codes))
        by_label = csr_matrix((np.ones(len(codes)), (codes, rows)), shape=(n_classes, len(codes)))
        counts = csr_matrix(by_label @ features, dtype=np.float64)
        totals = np.asarray(counts.sum(axis=1)).ravel() + SMOOTHING * features.shape[1]
        self._unseen = np.log(SMOOTHING) - np.log(totals)
        counts.data = np.log1p(counts.data / SMOOTHING)
        self._weights = counts.T.tocsr()
        with np.errstate(divide="ignore"):  # A label without rows here has no chance.
            self._prior = np.log(np.bincount(codes, minlength=n_classes) / len(codes))

    def probabilities(self, features: csr_matrix) -> np.ndarray:
        """Give the probabilities of the labels, of shape (n_rows, n_classes)."""
        logits = (features @ self._weights).toarray()
        logits += np.asarray(features.sum(axis=1)).reshape(-1, 1) * self._unseen
        logits += self._prior
        return softmax(logits)


class LinearProbe:
    """Logistic regression on vectors of an encoder that stays as it is."""

    def __init__(self, features: np.ndarray, codes: np.ndarray, *, n_classes: int):
        self._scale = float(np.sqrt(features.var(axis=0).mean())) or 1.0
        self._mean = features.mean(axis=0)
        self._model = LogisticRegression(C=INVERSE_PENALTY, max_iter=MOST_STEPS)
        with warnings.catch_warnings():
            # The last steps change no order.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(self._scaled(features), codes)
        self._n_classes = n_classes

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return np.asarray((features - self._mean) / self._scale, dtype=np.float32)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Give the probabilities of the labels, of shape (n_rows, n_classes)."""
        found = self._model.predict_proba(self._scaled(features))
        whole = np.zeros((len(found), self._n_classes))
        whole[:, self._model.classes_] = found
        return whole


def out_of_fold(
    features: Any, codes: np.ndarray, *, random_state: int, build: BuildProbe = SparseBayes
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give each row the probabilities of a model that was not trained on it, some rows at a time.

    Parameters
    ----------
    features : sparse matrix or ndarray of shape (n_rows, n_features)
    codes : ndarray of shape (n_rows,)
        The label of each row, from 0.

    Yields
    ------
    rows : ndarray of shape (n_some,)
        Their positions.
    probabilities : ndarray of shape (n_some, n_classes)
    """
    n_classes = int(codes.max()) + 1
    folds = folds_of(codes, np.random.default_rng(random_state))
    at_once = max(1, NUMBERS_AT_ONCE // n_classes)
    for fold in range(N_FOLDS):
        held_out = np.flatnonzero(folds == fold)
        kept = np.flatnonzero(folds != fold)
        model = build(features[kept], codes[kept], n_classes=n_classes)
        for start in range(0, len(held_out), at_once):
            rows = held_out[start : start + at_once]
            yield rows, model.probabilities(features[rows])


def folds_of(codes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Distribute the rows of each label evenly over the folds; gives the fold of each row."""
    order = random.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    firsts = np.searchsorted(codes[order], codes[order])
    folds = np.empty(len(codes), dtype=np.int64)
    folds[order] = (np.arange(len(codes)) - firsts) % N_FOLDS
    return folds


@dataclass(frozen=True)
class OutOfFold:
    """What models that were not trained on a row say of it.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        The given labels, from 0.
    own, rival : ndarray of shape (n_rows,)
        Probabilities of the given label, and of the most probable other one, 0 to 1.
    other : ndarray of shape (n_rows,)
        The most probable other label.
    beaten : ndarray of shape (n_classes, n_classes)
        How many rows of a label (line) are more like another one (column) than like their own, where both labels count as
        equally frequent.
    """

    codes: np.ndarray
    own: np.ndarray
    other: np.ndarray
    rival: np.ndarray
    beaten: np.ndarray

    @classmethod
    def of(cls, parts: Iterator[tuple[np.ndarray, np.ndarray]], codes: np.ndarray) -> "OutOfFold":
        """Gather what `out_of_fold` gives; only a few numbers of each row are kept."""
        n_classes = int(codes.max()) + 1
        own, other, rival = np.zeros(len(codes)), codes.copy(), np.zeros(len(codes))
        beaten = np.zeros((n_classes, n_classes), dtype=np.int32)
        shares = np.bincount(codes, minlength=n_classes) / len(codes)
        for rows, probabilities in parts:
            places = np.arange(len(rows))
            own[rows] = probabilities[places, codes[rows]]
            likely = probabilities / shares
            lost = likely > likely[places, codes[rows]][:, None]
            probabilities[places, codes[rows]] = -1
            other[rows] = probabilities.argmax(axis=1)
            rival[rows] = probabilities[places, other[rows]]
            for code in np.unique(codes[rows]):
                beaten[code] += lost[codes[rows] == code].sum(axis=0, dtype=np.int32)
        return cls(codes, own, other, rival, beaten)


def nearest_with(features: Any, row: int, candidates: Sequence[int] | np.ndarray, *, most: int) -> np.ndarray:
    """Give those of some rows that are most like a row, by the cosine of their features, the nearest first."""
    others = np.asarray(candidates)[np.asarray(candidates) != row]
    own = features[row]
    if isinstance(features, np.ndarray):
        found = features[others] @ own / np.maximum(np.linalg.norm(features[others], axis=1), 1e-12)
    else:
        found = np.asarray((features[others] @ own.T).todense()).ravel()  # Lines of TF-IDF have a length of 1.
    return np.asarray(others[np.argsort(-found, kind="stable")[:most]])
