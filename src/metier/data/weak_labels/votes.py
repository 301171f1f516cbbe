"""Votes of rules on rows, and the coverage, overlaps and conflicts of the rules."""

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
        Names of the rules.
    """

    matrix: np.ndarray
    labels: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def is_covered(self) -> np.ndarray:
        """Whether any rule votes on each row, an ndarray of bool of shape (n_rows,)."""
        return np.asarray((self.matrix != ABSTAINS).any(axis=1))

    def counts(self) -> np.ndarray:
        """How many rules vote for each label, an ndarray of int64 of shape (n_rows, n_labels)."""
        counts = np.zeros((len(self.matrix), len(self.labels)), dtype=np.int64)
        rows, rules = np.nonzero(self.matrix != ABSTAINS)
        np.add.at(counts, (rows, self.matrix[rows, rules]), 1)
        return counts


@dataclass(frozen=True)
class RuleFacts:
    """Statistics of one rule.

    Parameters
    ----------
    name : str
    labels : tuple of str
        Labels it votes for.
    coverage, overlaps, conflicts : float
        Fractions of all rows, 0 to 1: where it votes, where another rule votes too, and where another rule votes
        for another label.
    estimated_accuracy : float or None
        Accuracy of its votes as the label model estimates it; None where it never votes.
    accuracy : float or None
        Accuracy of its votes where the true labels are known.
    """

    name: str
    labels: tuple[str, ...]
    coverage: float
    overlaps: float
    conflicts: float
    estimated_accuracy: float | None
    accuracy: float | None = None


def describe_votes(
    votes: Votes, *, estimated: Sequence[float], truth: Sequence[str | None] | None = None
) -> list[RuleFacts]:
    """Compute the statistics of each rule.

    Parameters
    ----------
    estimated : sequence of float
        Accuracy of each rule as a label model estimates it; NaN where it never votes.
    truth : sequence of str or None, optional
        The true label of each row, None where unknown.
    """
    has_voted = votes.matrix != ABSTAINS
    n_voting = has_voted.sum(axis=1)
    known = np.array([-2 if label is None else _position(label, votes.labels) for label in truth or []])
    facts = []
    for rule, name in enumerate(votes.names):
        own, own_votes = has_voted[:, rule], votes.matrix[:, rule]
        others = (votes.matrix != own_votes[:, None]) & has_voted
        labels = tuple(votes.labels[position] for position in np.unique(own_votes[own]))
        judged = own & (known != -2) if len(known) else np.zeros(len(own), dtype=bool)
        facts.append(
            RuleFacts(
                name,
                labels,
                coverage=_mean(own),
                overlaps=_mean(own & (n_voting > 1)),
                conflicts=_mean(own & others.any(axis=1)),
                estimated_accuracy=None if np.isnan(estimated[rule]) else float(estimated[rule]),
                accuracy=_mean(own_votes[judged] == known[judged]) if judged.any() else None,
            )
        )
    return facts


def _position(label: str, labels: Sequence[str]) -> int:
    """Position of a label; labels that no rule votes for get a further position."""
    return labels.index(label) if label in labels else len(labels)


def _mean(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else 0.0
