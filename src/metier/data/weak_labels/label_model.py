"""From votes to probabilities of labels: by majority, and by a model of how far each rule can be trusted.

Nobody knows the true labels, but rules that are right agree more often than rules that guess. The model [1]_ [2]_ has
one number a rule, vote and label: how probable each label is when the rule gives this vote. It is estimated by
expectation maximisation, beginning at the majority: label the rows with what is believed of the rules, then believe of
each rule what these labels say. Given the label, rules are taken to be independent; a rule that copies another counts
twice, so such copies should go. That a rule is silent says nothing, as in snorkel's model [2]_.

References
----------
.. [1] Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", 1979.
.. [2] Ratner et al., "Training complex models with multi-task weak supervision", 2019, arXiv:1810.02840. There the same
   numbers come from the covariance of the votes.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from metier.data.weak_labels.votes import ABSTAINS, Votes
from metier.errors import CallError

# A rule that nothing contradicts or confirms stays at this; it takes about so many rows to convince us otherwise.
PRIOR_ACCURACY, PRIOR_ROWS = 0.7, 2.0
MOST_ROUNDS = 200
SMALLEST_CHANGE = 1e-6


def majority_vote(votes: Votes, *, balance: Sequence[float] | None = None) -> np.ndarray:
    """Give the share of a row's votes that each label got.

    Parameters
    ----------
    balance : sequence of float, optional
        What is given for rows of which no rule speaks; None: equal shares.

    Returns
    -------
    ndarray of shape (n_rows, n_labels)
        Each row sums to 1.
    """
    counts = votes.counts().astype(np.float64)
    silent = counts.sum(axis=1) == 0
    counts[silent] = 1.0 if balance is None else np.asarray(balance, dtype=np.float64)
    return counts / counts.sum(axis=1, keepdims=True)


class LabelModel:
    """Probabilities of labels from votes of rules that are trusted as far as they agree.

    Parameters
    ----------
    balance : mapping of str to float, optional
        Share of the rows that each label has; None: the shares of the majority's labels. Give it where it is known: a
        rule that speaks rarely pulls the shares away from its label.

    Attributes
    ----------
    balance_ : ndarray of shape (n_labels,)
    trust_ : ndarray of shape (n_rules, n_labels, n_labels)
        Probability of each label (last axis) when a rule gives a vote (middle axis).
    shares_ : ndarray of shape (n_labels,)
        Mean probability of each label over the rows that were learned from.
    accuracy_ : ndarray of shape (n_rules,)
        Share of each rule's votes that are held to be right; not a number where it never spoke.
    n_rounds_ : int
        Rounds of the estimation.
    """

    def __init__(self, *, balance: dict[str, float] | None = None):
        self.balance = balance

    def fit(self, votes: Votes) -> Self:
        """Learn how far each rule can be trusted.

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
            self.trust_ = self._believe(indicators, labels, prior, n_rules=len(votes.names))
            # Not the balance: a label that drew all rows to itself would then draw ever more.
            self.shares_ = labels.mean(axis=0)
            before, labels = labels, self._label(indicators)
            if np.abs(labels - before).max(initial=0.0) < SMALLEST_CHANGE:
                break
        self.accuracy_ = self._accuracy(votes, labels)
        return self

    def predict_proba(self, votes: Votes) -> np.ndarray:
        """Give the probability of each label, an ndarray of shape (n_rows, n_labels).

        Rows of which no rule speaks get the balance of the labels.
        """
        return self._label(_indicators(votes))

    def _balance(self, votes: Votes) -> np.ndarray:
        if self.balance is None:
            counts = votes.counts()[votes.is_covered]
            shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).sum(axis=0) + 1.0
            return np.asarray(shares / shares.sum())
        if set(self.balance) != set(votes.labels) or min(self.balance.values()) <= 0:
            raise CallError(
                f"The balance names {', '.join(sorted(self.balance))}; the rules vote for {', '.join(votes.labels)}. "
                "Give a share above 0 for each of these labels."
            )
        shares = np.array([self.balance[label] for label in votes.labels], dtype=np.float64)
        return np.asarray(shares / shares.sum())

    def _prior(self, n_labels: int) -> np.ndarray:
        """What is believed of a vote before anything was seen: mostly right, else any other label by its share."""
        others = np.tile(self.balance_, (n_labels, 1))
        np.fill_diagonal(others, 0.0)
        prior = (1 - PRIOR_ACCURACY) * others / np.maximum(others.sum(axis=1, keepdims=True), 1e-12)
        np.fill_diagonal(prior, PRIOR_ACCURACY if n_labels > 1 else 1.0)
        return prior

    def _believe(
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
        right = np.take_along_axis(labels, np.maximum(votes.matrix, 0), axis=1)
        speaks = votes.matrix != ABSTAINS
        spoken = speaks.sum(axis=0)
        sums = np.where(speaks, right, 0.0).sum(axis=0)
        return np.where(spoken > 0, sums / np.maximum(spoken, 1), np.nan)


def _indicators(votes: Votes) -> csr_matrix:
    """A 1 for each vote, of shape (n_rows, n_rules * n_labels)."""
    rows, rules = np.nonzero(votes.matrix != ABSTAINS)
    columns = rules * len(votes.labels) + votes.matrix[rows, rules]
    shape = (len(votes.matrix), len(votes.names) * len(votes.labels))
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
