"""Whether corrections from one label to another come half as often again as the model confuses the two, or more.

Many keys that each send a few corrections can still agree on what they want to move: questions of one label to another.
Each pair's share of the answers of the first label is compared with the same share of the trusted rows (Fisher's exact
test [1]_, one-sided), the p-values adjusted for all pairs by Holm's method. People correct some of the errors and not all,
so the share of true corrections is at most the trusted one. The trusted count is taken one and a half times: a
pair is held back as a whole, and that is worth it where a third of its corrections or more would have to be wrong.

References
----------
.. [1] Fisher, "On the interpretation of chi-squared from contingency tables, and the calculation of P", 1922.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from metier.continual.poisoning.corrections import Corrections, Trusted
from metier.evaluation.many_comparisons import holm

TIMES = 1.5  # As often as trusted rows are confused.


@dataclass(frozen=True)
class Pair:
    """Corrections from one label to another.

    Parameters
    ----------
    answered, said : str
    count, of : int
        So many of so many answers were corrected so.
    trusted_count, trusted_of : int
        So many of so many trusted rows with that answer have the other label.
    p_value : float
        Adjusted for all pairs, 0 to 1.
    """

    answered: str
    said: str
    count: int
    of: int
    trusted_count: int
    trusted_of: int
    p_value: float


def pairs_against(corrections: Corrections, trusted: Trusted, *, false_alarms: float) -> list[Pair]:
    """Give the pairs of labels that are corrected more often than the model confuses them."""
    changed = Counter(
        pair for pair in zip(corrections.answered, corrections.said, strict=True) if pair[0] != pair[1]
    )
    of, known = corrections.answers_of, Counter(trusted.answered)
    confused = Counter(zip(trusted.answered, trusted.labels, strict=True))
    p_values = [
        fisher_p(
            count,
            of[answered],
            min(math.ceil(TIMES * confused[answered, said]), known[answered]),
            known[answered],
        )
        for (answered, said), count in changed.items()
    ]
    return [
        Pair(*pair, count, of[pair[0]], confused[pair], known[pair[0]], p_value)
        for (pair, count), p_value in zip(changed.items(), holm(p_values), strict=True)
        if p_value <= false_alarms
    ]


def fisher_p(count: int, of: int, other_count: int, other_of: int) -> float:
    """Give the probability of so many or more in the first of two samples with equal shares, 0 to 1.

    It needs no scipy.stats, which takes long to import.
    """
    hits, everything = count + other_count, of + other_of
    counts = np.arange(count, min(of, hits) + 1)
    counts = counts[hits - counts <= other_of]
    logs = _log_choose(of, counts) + _log_choose(other_of, hits - counts) - _log_choose(everything, hits)
    return float(min(1.0, np.exp(logs).sum()))


def _log_choose(n: int, k: np.ndarray | int) -> np.ndarray:
    found: np.ndarray = gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1)
    return found
