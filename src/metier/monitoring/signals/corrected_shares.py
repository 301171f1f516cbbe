"""Shares of labels among messages, corrected for what a model mistakes for what, from counts of answers alone.

An answer is that of a true label by the model's confusions on rows with known labels. The shares are those that make the
counted answers most likely, found by expectation maximisation [1]_, so that none is below 0. The interval draws answers and
labelled rows anew. It holds if texts of a label are mistaken as often as before.

References
----------
.. [1] Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm", 1977; Lipton, Wang and
   Smola, "Detecting and correcting for label shift with black box predictors", 2018.
"""

from dataclasses import dataclass

import numpy as np

STEPS = 200
DRAWS = 200
SPREAD_ROWS = 1.0  # Rows added to each true label, spread over its answers: none was never mistaken for sure.


@dataclass(frozen=True)
class Shares:
    """Shares of labels.

    Parameters
    ----------
    value, low, high : ndarray of shape (n_labels,)
        The estimate and its 95 % interval.
    answered : ndarray of shape (n_labels,)
        Shares of the answers, as they are.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    answered: np.ndarray


def corrected_shares(answers: np.ndarray, confusion: np.ndarray, *, random_state: int = 0) -> Shares:
    """Estimate the shares of labels.

    Parameters
    ----------
    answers : ndarray of int of shape (n_labels,)
        How often each label was answered; not all 0.
    confusion : ndarray of int of shape (n_labels, n_labels)
        Rows with known labels: by their label, then by their answer.
    """
    random, n = np.random.default_rng(random_state), int(answers.sum())
    answered = answers / n
    drawn_answers = random.multinomial(n, answered, size=DRAWS)
    drawn_confusion = np.stack([_drawn(random, confusion) for _ in range(DRAWS)])
    drawn = _settled(drawn_answers, _rates(drawn_confusion))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    value = _settled(answers[None], _rates(confusion[None]))[0]
    return Shares(value, np.minimum(low, value), np.maximum(high, value), answered)


def plain_shares(answers: np.ndarray, *, random_state: int = 0) -> Shares:
    """Give the shares of answers as they are, where a model's confusions are not known."""
    n, answered = int(answers.sum()), answers / answers.sum()
    drawn = np.random.default_rng(random_state).multinomial(n, answered, size=DRAWS) / n
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Shares(answered, low, high, answered)


def _drawn(random: np.random.Generator, confusion: np.ndarray) -> np.ndarray:
    return np.stack(
        [random.multinomial(row.sum(), row / max(row.sum(), 1)) if row.sum() else row for row in confusion]
    )


def _rates(confusion: np.ndarray) -> np.ndarray:
    """Give how often each true label gets each answer, of shape (n_draws, n_labels, n_labels)."""
    spread = confusion + SPREAD_ROWS / confusion.shape[-1]
    return np.asarray(spread / spread.sum(axis=-1, keepdims=True))


def _settled(answers: np.ndarray, rates: np.ndarray) -> np.ndarray:
    n_labels = answers.shape[-1]
    observed = answers / answers.sum(axis=-1, keepdims=True)
    shares = np.full(observed.shape, 1 / n_labels)
    for _ in range(STEPS):
        explained = np.einsum("dt,dta->da", shares, rates)
        shares = shares * np.einsum("da,dta->dt", observed / np.maximum(explained, 1e-12), rates)
    return shares
