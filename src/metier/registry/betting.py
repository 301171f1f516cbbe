"""Tests of a mean that may be looked at after every observation, and stopped whenever one likes.

A test by betting [1]_: whoever holds that the mean of numbers between `least` and `most` is not below a bound is offered a
bet on each number, whose size is fixed before the number is seen. If the claim is true no strategy of bets is expected to
gain, so the capital exceeds 1 / alpha at any time with probability alpha at most (Ville's inequality). The capital is
therefore an e-value: evidence against the claim that holds however often it is looked at.

The capital here is the mean over bets of several fixed sizes, each kept for ever: small ones find small differences in long
streams, and large ones large differences soon.

References
----------
.. [1] Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

# Parts of the largest bet that can never lose everything; their logarithms are evenly spaced.
SIZES = np.geomspace(0.01, 0.9, 12)


@dataclass
class MeanBelow:
    """Evidence that the mean of a stream of numbers is below a bound.

    Parameters
    ----------
    bound : float
        The claim to be refuted is that the mean is this or more; `least` < `bound` <= `most`.
    least, most : float
        No number is outside.
    log_capital : ndarray of shape (n_sizes,)
        Of the bet of each size, so far.
    n : int
        Numbers seen.

    Examples
    --------
    >>> evidence = MeanBelow(0.5, least=0.0, most=1.0)
    >>> evidence.update([0.0] * 20).e_value > 20
    True
    """

    bound: float
    least: float = 0.0
    most: float = 1.0
    log_capital: np.ndarray = field(default_factory=lambda: np.zeros(len(SIZES)))
    n: int = 0

    def __post_init__(self) -> None:
        if not self.least < self.bound <= self.most:
            raise ValueError(f"The bound {self.bound} is not above {self.least} and at most {self.most}.")

    def update(self, numbers: Iterable[float]) -> "MeanBelow":
        """Take further numbers into account, in any portions.

        Raises
        ------
        ValueError
            If a number is outside of `least` to `most`, or none.
        """
        seen = np.asarray(list(numbers), dtype=np.float64)
        if not np.all((seen >= self.least) & (seen <= self.most)):
            wrong = seen[~((seen >= self.least) & (seen <= self.most))][0]
            raise ValueError(f"{wrong} is not between {self.least} and {self.most}.")
        # A bet of 1 / (most - bound) times the capital would lose all of it on the largest number.
        largest = 1.0 / max(self.most - self.bound, 1e-12)
        sizes = SIZES * min(largest, 1.0 / (self.bound - self.least))
        self.log_capital = self.log_capital + np.log1p(np.outer(self.bound - seen, sizes)).sum(axis=0)
        self.n += len(seen)
        return self

    @property
    def e_value(self) -> float:
        """How much evidence there is that the mean is below the bound: 20 rejects at 5 %."""
        highest = float(self.log_capital.max())
        return float(np.exp(min(highest, 700.0)) * np.mean(np.exp(self.log_capital - highest)))

    def more_needed(self, threshold: float) -> int | None:
        """Give about how many more numbers take the e-value to a threshold, if they go on as so far.

        None: they do not raise it, or there are none yet.
        """
        best = float(self.log_capital.max())
        missing = math.log(threshold * len(SIZES)) - best  # One size of all has to carry it.
        if self.n == 0 or best <= 0:
            return None
        return max(0, math.ceil(missing * self.n / best))
