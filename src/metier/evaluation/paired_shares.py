"""How far a share of rows has moved between two sets of answers to the same rows: an interval, and an exact test of a fall.

Both count the rows that one set alone has right. The interval is the score interval of Tango [1]_, which about holds its
level with few rows and where no row differs; the test is McNemar's, one-sided and exact [2]_.

References
----------
.. [1] Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design",
   1998.
.. [2] McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
"""

import math
from dataclasses import dataclass

from scipy.special import bdtr, ndtri

STEPS = 60  # Of halving: an interval of length 2 is then known to the last digit.


@dataclass(frozen=True)
class PairedCounts:
    """Rows that one of two sets of answers alone has right.

    Parameters
    ----------
    only_old, only_new : int
    rows : int
        All of them, with those that both or neither have right.
    """

    only_old: int
    only_new: int
    rows: int

    @property
    def gain(self) -> float:
        """The share that the new answers have right minus that of the old, -1 to 1; not a number without rows."""
        return (self.only_new - self.only_old) / self.rows if self.rows else math.nan

    def low(self, level: float) -> float:
        """Give the end that the gain is above of with this confidence, one-sided, 0 to 1."""
        return -_upper_end(self.only_old, self.only_new, self.rows, _quantile(level))

    def high(self, level: float) -> float:
        """Give the end that the gain is below of with this confidence, one-sided, 0 to 1."""
        return _upper_end(self.only_new, self.only_old, self.rows, _quantile(level))

    @property
    def fall_p(self) -> float:
        """Probability of so many rows lost or more, of those that changed, if none were more likely lost than won."""
        changed = self.only_old + self.only_new
        return float(bdtr(self.only_new, changed, 0.5)) if changed else 1.0

    def times(self, factor: float) -> "PairedCounts":
        """Give what so many times as many rows would show if they were like these."""
        return PairedCounts(
            round(self.only_old * factor), round(self.only_new * factor), round(self.rows * factor)
        )


def _quantile(level: float) -> float:
    return float(ndtri(level))


def _upper_end(more: int, less: int, rows: int, z: float) -> float:
    """Give the largest difference of shares, (more - less) / rows and above, that the score test does not reject."""
    if not rows:
        return 1.0
    low, high = (more - less) / rows, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _score(more, less, rows, middle) > -z:
            low = middle
        else:
            high = middle
    return high


def _score(more: int, less: int, rows: int, difference: float) -> float:
    """Give how many standard errors the counts are from a difference of shares."""
    b = -more - less + (2 * rows - more + less) * difference
    c = -less * difference * (1 - difference)
    q = (math.sqrt(max(0.0, b * b - 8 * rows * c)) - b) / (4 * rows)
    variance = rows * (2 * q + difference * (1 - difference))
    gap = more - less - rows * difference
    if variance <= 0:
        return 0.0 if gap == 0 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)
