"""Shares of labels among messages, corrected for what a model mistakes for what, from counts of answers alone.

An answer is that of a true label by the model's confusions on rows with known labels. The shares, the confusions and the
true labels behind the counted answers are drawn in turn (Gibbs sampling of the mixture [1]_, with Jeffreys' prior), so that
the interval is as wide as few answers and few labelled rows leave it, also where a share is near 0 or 1. It holds if texts
of a label are mistaken as often as before.

References
----------
.. [1] Tanner and Wong, "The calculation of posterior distributions by data augmentation", 1987; Lipton, Wang and Smola,
   "Detecting and correcting for label shift with black box predictors", 2018, for the assumption.
"""

from dataclasses import dataclass

import numpy as np

SETTLING, DRAWS = 60, 40  # Steps that are left out, and that are kept, of each chain.
CHAINS, FEW_CHAINS, MANY_LABELS = 100, 20, 20
PRIOR = 0.5


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
    random, n_labels = np.random.default_rng(random_state), len(answers)
    chains = CHAINS if n_labels <= MANY_LABELS else FEW_CHAINS
    # How often a label is mistaken is drawn from the labelled rows; a label without any is taken for answered anyhow.
    weights = np.broadcast_to(confusion + PRIOR / n_labels, (chains, n_labels, n_labels))
    rates = random.gamma(weights)
    rates /= rates.sum(axis=2, keepdims=True)
    shares = np.full((chains, n_labels), 1 / n_labels)
    kept = []
    for step in range(SETTLING + DRAWS):
        shares = _next(random, answers, shares, rates)
        if step >= SETTLING:
            kept.append(shares)
    drawn = np.concatenate(kept)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Shares(drawn.mean(axis=0), low, high, answers / answers.sum())


def plain_shares(answers: np.ndarray, *, random_state: int = 0) -> Shares:
    """Give the shares of answers as they are, where a model's confusions are not known."""
    drawn = np.random.default_rng(random_state).dirichlet(answers + PRIOR, size=CHAINS * DRAWS)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    answered = answers / answers.sum()
    return Shares(answered, np.minimum(low, answered), np.maximum(high, answered), answered)


def _next(
    random: np.random.Generator, answers: np.ndarray, shares: np.ndarray, rates: np.ndarray
) -> np.ndarray:
    """Draw the true labels behind the answers, then the shares that they leave likely; (n_chains, n_labels)."""
    joint = np.swapaxes(shares[:, :, None] * rates, 1, 2)  # By the answer, then by the true label.
    chances = joint / np.maximum(joint.sum(axis=2, keepdims=True), 1e-300)
    true = random.multinomial(answers[None, :], chances).sum(axis=1)
    drawn = random.gamma(true + PRIOR)
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))
