"""Multinomial logistic regression with what keeps it near to what was known: frozen columns, an anchor, a teacher."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from metier.evaluation.softmax import softmax

PENALTY = 1e-4  # On the squared weights, as a share of the mean loss; on numbers of variance 1.
STEPS = 200
SMALLEST = 1e-12


@dataclass(frozen=True)
class Head:
    """A linear head; a column is a label.

    Parameters
    ----------
    weight : ndarray of shape (n_features, n_labels)
    bias : ndarray of shape (n_labels,)
    """

    weight: np.ndarray
    bias: np.ndarray

    @classmethod
    def of_zeros(cls, n_features: int, n_labels: int) -> "Head":
        """Give a head that knows nothing."""
        return cls(np.zeros((n_features, n_labels)), np.zeros(n_labels))

    def logits(self, features: Any) -> np.ndarray:
        """Give logits, an ndarray of float64 of shape (n_rows, n_labels)."""
        found: np.ndarray = np.asarray(features @ self.weight.astype(features.dtype), dtype=np.float64)
        return np.asarray(found + self.bias)

    @property
    def parameters(self) -> np.ndarray:
        """Weights and then the biases as a last row, of shape (n_features + 1, n_labels)."""
        return np.vstack([self.weight, self.bias])


@dataclass(frozen=True)
class Anchor:
    """A penalty on leaving a point, weighed by how much each parameter matters there (EWC).

    Parameters
    ----------
    point, importance : ndarray of shape (n_features + 1, n_labels)
    strength : float
        Of the penalty, in units of the mean loss of a row.
    """

    point: np.ndarray
    importance: np.ndarray
    strength: float


@dataclass(frozen=True)
class Teacher:
    """Old answers to the rows, which the head keeps on giving (LwF).

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_known)
        Of the labels that were known, at the temperature.
    known : ndarray of int of shape (n_known,)
        Their columns.
    strength, temperature : float
    """

    probabilities: np.ndarray
    known: np.ndarray
    strength: float
    temperature: float


@dataclass(frozen=True)
class Kept:
    """What a fit keeps of the past; nothing by default.

    Parameters
    ----------
    anchor : Anchor, optional
    teacher : Teacher, optional
    free : ndarray of bool of shape (n_labels,), optional
        Columns that may move, and among which rows choose; None: all.
    """

    anchor: Anchor | None = None
    teacher: Teacher | None = None
    free: np.ndarray | None = None


NOTHING = Kept()


def fit_softmax(
    features: Any,
    y: np.ndarray,
    start: Head,
    *,
    weights: np.ndarray | None = None,
    penalty: float = PENALTY,
    kept: Kept = NOTHING,
    steps: int = STEPS,
) -> Head:
    """Fit a head by L-BFGS.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
    y : ndarray of int of shape (n_rows,)
        The column of each row's label.
    start : Head
        Where to begin; its shape is that of the result.
    weights : ndarray of shape (n_rows,), optional
        How much each row counts; None: all the same.
    """
    loss = _Loss(features, y, start, weights, penalty, kept)
    found = minimize(
        loss, start.parameters.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": steps, "gtol": 1e-5}
    )
    parameters = found.x.reshape(start.parameters.shape)
    return Head(parameters[:-1], parameters[-1])


class _Loss:
    """The loss of all parameters as one vector, and its gradient."""

    def __init__(
        self,
        features: Any,
        y: np.ndarray,
        start: Head,
        weights: np.ndarray | None,
        penalty: float,
        kept: Kept,
    ):
        self.features, self.y, self.penalty, self.kept = features, y, penalty, kept
        given = np.ones(len(y)) if weights is None else weights
        self.shares = given / given.sum()
        self.shape = start.parameters.shape
        # New labels that are learned alone choose among themselves: the others' logits are out of the sum.
        self.closed = None if kept.free is None else ~kept.free

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = vector.reshape(self.shape)
        logits = Head(parameters[:-1], parameters[-1]).logits(self.features)
        loss, by_logits = self._of_rows(logits)
        gradient = np.empty(self.shape)
        gradient[:-1] = self.features.T @ by_logits.astype(self.features.dtype)
        gradient[-1] = by_logits.sum(axis=0)
        loss += self._of_parameters(parameters, gradient)
        if self.closed is not None:
            gradient[:, self.closed] = 0
        return loss, gradient.ravel()

    def _of_rows(self, logits: np.ndarray) -> tuple[float, np.ndarray]:
        open_logits = logits
        if self.closed is not None:
            open_logits = logits.copy()
            open_logits[:, self.closed] = -1e9
        probabilities = softmax(open_logits)
        rows = np.arange(len(self.y))
        loss = float(-(self.shares * np.log(np.maximum(probabilities[rows, self.y], SMALLEST))).sum())
        by_logits = probabilities
        by_logits[rows, self.y] -= 1
        by_logits *= self.shares[:, None]
        teacher = self.kept.teacher
        if teacher is not None:
            loss += self._of_teacher(teacher, logits, by_logits)
        return loss, by_logits

    def _of_teacher(self, teacher: Teacher, logits: np.ndarray, by_logits: np.ndarray) -> float:
        """Add the cross-entropy with old answers at a temperature, scaled by its square as distillation is."""
        heat, scale = teacher.temperature, teacher.strength * teacher.temperature**2
        found = softmax(logits[:, teacher.known] / heat)
        given = teacher.probabilities
        by_logits[:, teacher.known] += scale / heat * (found - given) * self.shares[:, None]
        entropies = -(given * np.log(np.maximum(found, SMALLEST))).sum(axis=1)
        return float(scale * (self.shares * entropies).sum())

    def _of_parameters(self, parameters: np.ndarray, gradient: np.ndarray) -> float:
        weight = parameters[:-1]
        loss = 0.5 * self.penalty * float(np.vdot(weight, weight))
        gradient[:-1] += self.penalty * weight
        anchor = self.kept.anchor
        if anchor is not None:
            moved = parameters - anchor.point
            pull = anchor.strength * anchor.importance * moved
            loss += 0.5 * float(np.vdot(pull, moved))
            gradient += pull
        return loss
