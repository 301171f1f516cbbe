"""What rules said of rows, and how often they speak, agree and contradict one another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ABSTAINS = -1


@dataclass(frozen=True)
class Votes:
    """The vote of every rule on every row.

    Parameters
    ----------
    matrix : ndarray of int64 of shape (n_rows, n_rules)
        Position of the label in `labels`, or `ABSTAINS`.
    labels : tuple of str
        The label space, sorted.
    names : tuple of str
        Of the rules.
    """

    matrix: np.ndarray
    labels: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def is_covered(self) -> np.ndarray:
        """Whether any rule speaks of each row, an ndarray of bool of shape (n_rows,)."""
        return np.asarray((self.matrix != ABSTAINS).any(axis=1))

    def counts(self) -> np.ndarray:
        """How many rules vote for each label, an ndarray of int64 of shape (n_rows, n_labels)."""
        counts = np.zeros((len(self.matrix), len(self.labels)), dtype=np.int64)
        rows, rules = np.nonzero(self.matrix != ABSTAINS)
        np.add.at(counts, (rows, self.matrix[rows, rules]), 1)
        return counts


@dataclass(frozen=True)
class RuleFacts:
    """What is known of one rule.

    Parameters
    ----------
    name : str
    labels : tuple of str
        What it ever voted for.
    coverage, overlap, conflict : float
        Shares of all rows, 0 to 1: where it speaks, where another speaks too, and where another says otherwise.
    estimated_accuracy : float or None
        Share of its votes that the label model holds to be right; None where it never spoke.
    accuracy : float or None
        Share of its votes that are right, where the true labels are known.
    """

    name: str
    labels: tuple[str, ...]
    coverage: float
    overlap: float
    conflict: float
    estimated_accuracy: float | None
    accuracy: float | None = None


def describe_votes(
    votes: Votes, *, estimated: Sequence[float], truth: Sequence[str | None] | None = None
) -> list[RuleFacts]:
    """Give the facts of each rule.

    Parameters
    ----------
    estimated : sequence of float
        Accuracy of each rule as a label model sees it; not a number where it never spoke.
    truth : sequence of str or None, optional
        The true label of each row, None where nobody knows it.
    """
    speaks = votes.matrix != ABSTAINS
    n_speaking = speaks.sum(axis=1)
    known = np.array([-2 if label is None else _position(label, votes.labels) for label in truth or []])
    facts = []
    for rule, name in enumerate(votes.names):
        own, own_votes = speaks[:, rule], votes.matrix[:, rule]
        others = (votes.matrix != own_votes[:, None]) & speaks
        labels = tuple(votes.labels[position] for position in np.unique(own_votes[own]))
        judged = own & (known != -2) if len(known) else np.zeros(len(own), dtype=bool)
        facts.append(
            RuleFacts(
                name,
                labels,
                coverage=_mean(own),
                overlap=_mean(own & (n_speaking > 1)),
                conflict=_mean(own & others.any(axis=1)),
                estimated_accuracy=None if np.isnan(estimated[rule]) else float(estimated[rule]),
                accuracy=_mean(own_votes[judged] == known[judged]) if judged.any() else None,
            )
        )
    return facts


def _position(label: str, labels: Sequence[str]) -> int:
    """Place of a label; a true label that no rule ever gives is no one's."""
    return labels.index(label) if label in labels else len(labels)


def _mean(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else 0.0
