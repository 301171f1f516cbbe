"""What is held back of feedback and why, in a sentence each; a person may let it through."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

RATE, KEY, PAIR, OUTLIER, INFLUENCE = "rate", "key", "pair", "outlier", "influence"
REASONS = (RATE, KEY, PAIR, OUTLIER, INFLUENCE)


@dataclass(frozen=True)
class Held:
    """A correction that is not learned until a person lets it through.

    Parameters
    ----------
    row : int
        Its place among the corrections.
    id, key : str
        Of the prediction that it is about, and who sent it.
    reason : {"rate", "key", "pair", "outlier", "influence"}
        The first that holds.
    sentence : str
    facts : mapping
        The numbers of the sentence.
    """

    row: int
    id: str
    key: str
    reason: str
    sentence: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Screened:
    """What is learned of some corrections and what is held back.

    Parameters
    ----------
    accepted : ndarray of bool of shape (n_corrections,)
    held : tuple of Held
        In the order of the corrections.
    notes : tuple of str
        What could not be tested, and what it would take.
    """

    accepted: np.ndarray
    held: tuple[Held, ...]
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many are held back for each reason."""
        found = Counter(one.reason for one in self.held)
        return {reason: found[reason] for reason in REASONS if found[reason]}
