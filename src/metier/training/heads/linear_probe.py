"""A linear head on frozen embeddings: multinomial logistic regression, its strength chosen on held-out rows.

Embeddings of an encoder crowd into a narrow cone (Ethayarajh, 2019, arXiv:1909.00512), so that raw vectors need
a huge C and hundreds of steps. Each dimension is therefore centred and scaled first, and the scaling is folded
into the weights afterwards: the probe is a plain weight and bias on the raw embedding.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state

from metier.evaluation.calibration import fit_temperature, log_loss
from metier.evaluation.softmax import softmax
from metier.tasks.folds import held_out
from metier.training.heads.standardisation import standardisation

# Half decades. The walk starts in the middle and follows the falling loss, so few of them are ever tried.
GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)
START = GRID.index(1e-2)
MOST_STEPS = 300
# Passes over the rows that a walk takes, to foretell it: some thirty steps for each of some C.
USUAL_PASSES = 60
BYTES_OF_A_LOGIT = 12  # Of each row and label: logits, their gradient, and what is between.
TIMED_ROWS = 200
TIMED_PASSES = 5
UNFITTED_TEMPERATURE = 1.0


@dataclass(frozen=True)
class Probe:
    """A linear head.

    Parameters
    ----------
    weight : ndarray of shape (n_classes, hidden_size)
    bias : ndarray of shape (n_classes,)
    C : float
        Inverse strength of the penalty, for standardised embeddings.
    temperature : float
        What logits are divided by before the softmax.
    held_out_loss : float or None
        Log-loss on the rows that C or the temperature were chosen on; None where both were given.
    """

    weight: np.ndarray
    bias: np.ndarray
    C: float
    temperature: float
    held_out_loss: float | None = None

    def logits(self, embeddings: np.ndarray) -> np.ndarray:
        """Give the logits, an ndarray of float64 of shape (n_texts, n_classes)."""
        return np.asarray(embeddings, dtype=np.float64) @ self.weight.T + self.bias

    def probabilities(self, embeddings: np.ndarray) -> np.ndarray:
        """Give calibrated probabilities, an ndarray of float64 of shape (n_texts, n_classes)."""
        return softmax(self.logits(embeddings) / self.temperature)


def fit_probe(
    embeddings: np.ndarray,
    y: np.ndarray,
    *,
    C: float | None = None,
    temperature: float | None = None,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    always: tuple[np.ndarray, np.ndarray] | None = None,
    factors: np.ndarray | None = None,
    random_state: int = 0,
) -> Probe:
    """Fit the head.

    Parameters
    ----------
    embeddings : ndarray of shape (n_texts, hidden_size)
    y : ndarray of int of shape (n_texts,)
        Class numbers; every one from 0 up to the largest occurs.
    C, temperature : float, optional
        None: chosen by log-loss on held-out rows. Log-loss and not accuracy, because on a thousand rows the
        accuracies of neighbouring C differ by chance alone.
    validation : (embeddings, y), optional
        Rows to choose on. Without them some of the rows are held out for the choice (`tasks.folds.held_out`),
        and the probe is then fitted on all.
    always : (embeddings, y), optional
        Rows that are learned and never held out: what is known of the labels besides.
    factors : ndarray of shape (hidden_size,), optional
        What standardised embeddings are multiplied by, so that the penalty holds some of them back less; None: 1.
    """

    def path(embeddings: np.ndarray, y: np.ndarray) -> _Path:
        if always is None:
            return _Path(embeddings, y, factors)
        return _Path(np.concatenate([embeddings, always[0]]), np.concatenate([y, always[1]]), factors)

    if C is not None and temperature is not None:
        return replace(path(embeddings, y).fit(C), temperature=temperature)
    if validation is not None:
        split = _Split(path(embeddings, y), *validation)
        found, C, temperature = _choose([split], C=C, temperature=temperature)
        return replace(split.path.fit(C), temperature=temperature, held_out_loss=found)
    splits = [
        _Split(path(embeddings[kept], y[kept]), embeddings[held], y[held])
        for kept, held in held_out(y, random=check_random_state(random_state))
    ]
    loss: float | None = None
    if splits:
        loss, C, temperature = _choose(splits, C=C, temperature=temperature)
    # One row a label: nothing can be chosen, so the middle of the grid has to do.
    C, temperature = C or GRID[START], temperature or UNFITTED_TEMPERATURE
    return replace(path(embeddings, y).fit(C), temperature=temperature, held_out_loss=loss)


def probe_seconds(targets: Sequence[Any] | None, n_dimensions: int) -> float:
    """Give what fitting a head for these targets takes on a processor of its own; 0 where they are no labels.

    A pass over some rows is timed. With a hundred labels it is next to nothing; with thousands it takes longer than reading
    the rows.
    """
    n_labels = _n_labels(targets)
    if targets is None or not n_labels:
        return 0.0
    random = np.random.default_rng(0)
    rows = random.standard_normal((min(TIMED_ROWS, len(targets)), n_dimensions), np.float32)
    weight = random.standard_normal((n_dimensions, n_labels), np.float32)
    passes = []
    for _ in range(TIMED_PASSES):
        start = time.process_time()
        rows.T @ softmax(rows @ weight)
        passes.append(time.process_time() - start)
    return float(np.median(passes)) / len(rows) * len(targets) * USUAL_PASSES


def probe_bytes(targets: Sequence[Any] | None) -> int:
    """Give the bytes that fitting a head for these targets takes besides the vectors; 0 where they are no labels."""
    return BYTES_OF_A_LOGIT * _n_labels(targets) * len(targets or ())


def _n_labels(targets: Sequence[Any] | None) -> int:
    if targets is None or not all(isinstance(target, str) for target in targets):
        return 0
    return len(set(targets))


class _Path:
    """Solutions for one set of rows along C, each the start of the next."""

    def __init__(self, embeddings: np.ndarray, y: np.ndarray, factors: np.ndarray | None):
        self._mean, self._scale = standardisation(embeddings, factors)
        self._standardised = ((embeddings - self._mean) / self._scale).astype(np.float32)
        self._y = y
        self._regression = LogisticRegression(max_iter=MOST_STEPS, warm_start=True)
        self._probes: dict[float, Probe] = {}

    def fit(self, C: float) -> Probe:
        """Give the probe for this C, its temperature still 1."""
        if C not in self._probes:
            self._probes[C] = self._fit(C)
        return self._probes[C]

    def _fit(self, C: float) -> Probe:
        with warnings.catch_warnings():
            # The weakly penalised end of the walk may need more steps than it is worth.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._regression.set_params(C=C).fit(self._standardised, self._y)
        weight = self._regression.coef_.astype(np.float64)
        bias = self._regression.intercept_.astype(np.float64)
        if len(weight) == 1:  # Two classes share one vector; half of it each way gives the same probabilities.
            weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        weight = weight / self._scale
        bias = bias - weight @ self._mean
        return Probe(weight, bias, C, UNFITTED_TEMPERATURE)


@dataclass(frozen=True)
class _Split:
    path: _Path
    embeddings: np.ndarray
    truth: np.ndarray


def _choose(
    splits: Sequence[_Split], *, C: float | None, temperature: float | None
) -> tuple[float, float, float]:
    """Walk along C, the way the held-out loss falls; gives the loss, C and the temperature."""
    best = _score(splits, C or GRID[START], temperature)
    if C is not None:
        return best
    for side in (GRID[START + 1 :], GRID[START - 1 :: -1]):
        start = best
        for candidate in side:
            found = _score(splits, candidate, temperature)
            # The loss has one valley, so the first rise ends this side of the search.
            if found[0] >= best[0]:
                break
            best = found
        if best is not start:
            break
    return best


def _score(splits: Sequence[_Split], C: float, temperature: float | None) -> tuple[float, float, float]:
    logits = np.concatenate([split.path.fit(C).logits(split.embeddings) for split in splits])
    truth = np.concatenate([split.truth for split in splits])
    temperature = temperature or fit_temperature(logits, truth)
    return log_loss(softmax(logits / temperature), truth), C, temperature
