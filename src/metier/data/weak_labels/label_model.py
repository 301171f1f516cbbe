"""From votes to probabilities of labels: by majority, or by a label model that estimates the accuracy of each rule.

The true labels are unknown, but accurate rules agree more often than rules that guess. The model [1]_ [2]_ has one
parameter per rule, vote and label: the probability of each label given this vote of the rule. It is estimated by
expectation maximisation from the majority vote: label the rows with the current parameters, then estimate the
parameters from these labels. Rules are assumed independent given the label; a copy of a rule counts twice, so
remove copies. Abstaining carries no information, as in snorkel's model [2]_.

References
----------
.. [1] Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", 1979.
.. [2] Ratner et al., "Training complex models with multi-task weak supervision", 2019, arXiv:1810.02840. There the same
   numbers come from the covariance of the votes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from metier.arguments import check_share
from metier.data.weak_labels.votes import ABSTAINS, Votes
from metier.errors import CallError

# Prior accuracy of a rule, and its weight in rows.
PRIOR_ACCURACY, PRIOR_ROWS = 0.7, 2.0
MOST_ROUNDS = 200
SMALLEST_CHANGE = 1e-6
LEAST = 0.05  # Smaller shares are noise, and rows cost time.


def majority_vote(votes: Votes, *, balance: Sequence[float] | None = None) -> np.ndarray:
    """Give each label's share of the votes of a row.

    Parameters
    ----------
    balance : sequence of float, optional
        Probabilities for rows without votes; None: equal shares.

    Returns
    -------
    ndarray of shape (n_rows, n_labels)
        Each row sums to 1.
    """
    counts = votes.counts().astype(np.float64)
    uncovered = counts.sum(axis=1) == 0
    counts[uncovered] = 1.0 if balance is None else np.asarray(balance, dtype=np.float64)
    return counts / counts.sum(axis=1, keepdims=True)


class LabelModel:
    """Probabilities of labels from votes, with each rule weighted by its estimated accuracy.

    Parameters
    ----------
    balance : mapping of str to float, optional
        Share of the rows that each label has; None: the shares of the majority vote. Give it where known:
        rules with low coverage bias the shares against their label.

    Attributes
    ----------
    balance_ : ndarray of shape (n_labels,)
    trust_ : ndarray of shape (n_rules, n_labels, n_labels)
        Probability of each label (last axis) when a rule gives a vote (middle axis).
    shares_ : ndarray of shape (n_labels,)
        Mean probability of each label over the training rows.
    accuracy_ : ndarray of shape (n_rules,)
        Estimated accuracy of each rule's votes; NaN where it never votes.
    n_rounds_ : int
        Rounds of expectation maximisation.
    """

    def __init__(self, *, balance: dict[str, float] | None = None):
        self.balance = balance

    def fit(self, votes: Votes) -> Self:
        """Estimate the accuracy of each rule.

        Raises
        ------
        CallError
            If the balance does not name the labels of the rules.
        """
        self.balance_ = self._balance(votes)
        indicators = _indicators(votes)
        prior = self._prior(len(votes.labels))
        labels = majority_vote(votes, balance=self.balance_.tolist())
        for self.n_rounds_ in range(1, MOST_ROUNDS + 1):
            self.trust_ = self._estimate(indicators, labels, prior, n_rules=len(votes.names))
            # Not the balance: otherwise a frequent label would attract more and more rows.
            self.shares_ = labels.mean(axis=0)
            before, labels = labels, self._label(indicators)
            if np.abs(labels - before).max(initial=0.0) < SMALLEST_CHANGE:
                break
        self.accuracy_ = self._accuracy(votes, labels)
        return self

    def predict_proba(self, votes: Votes) -> np.ndarray:
        """Give the probability of each label, an ndarray of shape (n_rows, n_labels).

        Rows without votes get the balance of the labels.
        """
        return self._label(_indicators(votes))

    def _balance(self, votes: Votes) -> np.ndarray:
        if self.balance is None:
            counts = votes.counts()[votes.is_covered]
            shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).sum(axis=0) + 1.0
            return np.asarray(shares / shares.sum())
        if set(self.balance) != set(votes.labels) or not all(
            0 < share < np.inf for share in self.balance.values()
        ):
            raise CallError(
                f"The balance names {', '.join(sorted(self.balance))}; the rules vote for {', '.join(votes.labels)}. "
                "Give a share above 0 for each of these labels."
            )
        shares = np.array([self.balance[label] for label in votes.labels], dtype=np.float64)
        return np.asarray(shares / shares.sum())

    def _prior(self, n_labels: int) -> np.ndarray:
        """Prior of a vote: mostly right, otherwise any other label by its share."""
        others = np.tile(self.balance_, (n_labels, 1))
        np.fill_diagonal(others, 0.0)
        prior = (1 - PRIOR_ACCURACY) * others / np.maximum(others.sum(axis=1, keepdims=True), 1e-12)
        np.fill_diagonal(prior, PRIOR_ACCURACY if n_labels > 1 else 1.0)
        return prior

    def _estimate(
        self, indicators: csr_matrix, labels: np.ndarray, prior: np.ndarray, *, n_rules: int
    ) -> np.ndarray:
        n_labels = labels.shape[1]
        counts = np.asarray(indicators.T @ labels).reshape(n_rules, n_labels, n_labels) + PRIOR_ROWS * prior
        return np.asarray(counts / counts.sum(axis=2, keepdims=True))

    def _label(self, indicators: csr_matrix) -> np.ndarray:
        # P(label | votes) is proportional to P(label) times P(vote | label) for each vote, and that to
        # P(label | vote) / P(label).
        balance = np.log(self.balance_)
        evidence = np.log(self.trust_).reshape(-1, len(balance)) - np.log(self.shares_)
        scores = np.asarray(indicators @ evidence) + balance
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def _accuracy(self, votes: Votes, labels: np.ndarray) -> np.ndarray:
        correct = np.take_along_axis(labels, np.maximum(votes.matrix, 0), axis=1)
        has_voted = votes.matrix != ABSTAINS
        n_votes = has_voted.sum(axis=0)
        sums = np.where(has_voted, correct, 0.0).sum(axis=0)
        return np.where(n_votes > 0, sums / np.maximum(n_votes, 1), np.nan)


def _indicators(votes: Votes) -> csr_matrix:
    """Give a 1 for each vote, of shape (n_rows, n_rules * n_labels)."""
    rows, rules = np.nonzero(votes.matrix != ABSTAINS)
    columns = rules * len(votes.labels) + votes.matrix[rows, rules]
    shape = (len(votes.matrix), len(votes.names) * len(votes.labels))
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)


@dataclass(frozen=True)
class SoftRows:
    """Weighted rows: one for each sufficiently probable label of a row.

    Parameters
    ----------
    positions : ndarray of int64 of shape (n_soft_rows,)
        The original row of each.
    labels : ndarray of int64 of shape (n_soft_rows,)
        Column of the label.
    weights : ndarray of float64 of shape (n_soft_rows,)
        Its probability; the weights of one row sum to 1.
    """

    positions: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def expand_soft_labels(probabilities: np.ndarray, *, least: float = LEAST) -> SoftRows:
    """Turn probabilities of labels into weighted rows, with the same gradient as their cross-entropy.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
    least : float, default=0.05
        Less probable labels are dropped; the most probable label of a row always stays.
    """
    check_share(least, "least")
    kept = probabilities >= least
    kept[np.arange(len(kept)), probabilities.argmax(axis=1)] = True
    shares = np.where(kept, probabilities, 0.0)
    shares = shares / shares.sum(axis=1, keepdims=True)
    positions, labels = np.nonzero(kept)
    return SoftRows(positions.astype(np.int64), labels.astype(np.int64), shares[positions, labels])
