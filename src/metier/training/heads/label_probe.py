"""Linear heads on frozen embeddings with independent logits: one logistic regression per logit.

All regressions are solved together: their gradients are two matrix products, whatever the number of labels. As in
`linear_probe`, each dimension is centred and scaled first and the scaling folded into the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from metier.training.heads.standardisation import standardisation

# Half decades, from much penalty to little.
GRID = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
UNFITTED_C = 3e-2  # Where no row can be held out.
MOST_STEPS = 100
SMALLEST = 1e-12


@dataclass(frozen=True)
class LabelProbe:
    """Logits of vectors x are x @ weight.T + bias.

    Parameters
    ----------
    weight : ndarray of float64 of shape (n_logits, hidden_size)
    bias : ndarray of float64 of shape (n_logits,)
    C : float
        Inverse strength of the penalty, for standardised embeddings.
    """

    weight: np.ndarray
    bias: np.ndarray
    C: float

    def logits(self, embeddings: np.ndarray) -> np.ndarray:
        """Give the logits, an ndarray of float64 of shape (n_texts, n_logits)."""
        return np.asarray(embeddings, dtype=np.float64) @ self.weight.T + self.bias


@dataclass(frozen=True)
class Questions:
    """Embeddings and what each logit is asked of them.

    Parameters
    ----------
    embeddings : ndarray of shape (n_texts, hidden_size)
    truth : ndarray of bool of shape (n_texts, n_logits)
    asked : ndarray of bool of shape (n_texts, n_logits), optional
        Which logits a text teaches; None: all.
    factors : ndarray of shape (hidden_size,), optional
        What standardised embeddings are multiplied by, so that the penalty holds some of them back less; None: 1.
    """

    embeddings: np.ndarray
    truth: np.ndarray
    asked: np.ndarray | None = None
    factors: np.ndarray | None = None

    @property
    def weights(self) -> np.ndarray:
        """1 where a logit is asked, else 0."""
        return np.ones(self.truth.shape) if self.asked is None else self.asked.astype(np.float64)


def fit_label_probe(known: Questions, *, C: float) -> LabelProbe:
    """Fit the heads for one C."""
    return _Path(known).fit(C)


def choose_label_probe(
    splits: Sequence[tuple[Questions, Questions]], *, C: float | None = None
) -> tuple[float, np.ndarray]:
    """Give the C of the lowest log-loss on the held-out rows of all splits, and the logits it gave these rows."""
    paths = [_Path(known) for known, _ in splits]
    best: tuple[float, float, np.ndarray] | None = None
    for candidate in GRID if C is None else (C,):
        found = [
            path.fit(candidate).logits(held.embeddings) for path, (_, held) in zip(paths, splits, strict=True)
        ]
        loss = float(np.mean([_loss(logits, held) for logits, (_, held) in zip(found, splits, strict=True)]))
        if best is not None and loss >= best[0]:
            break  # The loss has one valley along C.
        best = loss, candidate, np.concatenate(found)
    assert best is not None
    return best[1], best[2]


class _Path:
    """Solutions for one set of rows along C, each the start of the next."""

    def __init__(self, known: Questions):
        self._mean, self._scale = standardisation(known.embeddings, known.factors)
        self._x = ((known.embeddings - self._mean) / self._scale).astype(np.float64)
        self._truth = known.truth.astype(np.float64)
        self._asked = known.weights
        # From the bias of each logit alone on.
        share = ((self._truth * self._asked).sum(axis=0) + 0.5) / (self._asked.sum(axis=0) + 1.0)
        self._at = np.vstack([np.zeros((self._x.shape[1], len(share))), np.log(share / (1 - share))])

    def fit(self, C: float) -> LabelProbe:
        found = minimize(
            self._objective,
            self._at.ravel(),
            args=(C,),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MOST_STEPS},
        )
        self._at = found.x.reshape(self._at.shape)
        weight = self._at[:-1].T / self._scale
        return LabelProbe(weight, self._at[-1] - weight @ self._mean, C)

    def _objective(self, flat: np.ndarray, C: float) -> tuple[float, np.ndarray]:
        at = flat.reshape(self._at.shape)
        weights, bias = at[:-1], at[-1]
        logits = self._x @ weights + bias
        losses = np.logaddexp(0, logits) - self._truth * logits
        error = (expit(logits) - self._truth) * self._asked * C
        gradient = np.vstack([self._x.T @ error + weights, error.sum(axis=0)])
        return C * float((losses * self._asked).sum()) + 0.5 * float((weights**2).sum()), gradient.ravel()


def _loss(logits: np.ndarray, held: Questions) -> float:
    losses = (np.logaddexp(0, logits) - held.truth * logits) * held.weights
    return float(losses.sum() / max(held.weights.sum(), SMALLEST))
