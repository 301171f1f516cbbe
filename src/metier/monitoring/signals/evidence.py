"""Evidence that a mean has fallen below a bound at some time: an e-detector of bounded numbers, asked every period.

Each period's numbers are bets against the claim that the mean is not below the bound (Waudby-Smith and Ramdas, 2024), of
several fixed sizes; under the claim the capital of a period is 1 at most on average. The capital of the periods is
multiplied, and begins anew at 1 wherever it was less [1]_: what came before a change does not hide it. Capitals of all
sizes are averaged. However long it runs, false alarms come no more often than once in 1 / alpha periods.

References
----------
.. [1] Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2024.
"""

from dataclasses import dataclass, field

import numpy as np

# Parts of the largest bet that can never lose everything.
BETS = np.geomspace(0.02, 0.9, 10)


@dataclass
class FallDetector:
    """Watches whether the mean of numbers between 0 and 1 has fallen below a bound.

    Parameters
    ----------
    bound : float
        Above 0 and at most 1.
    alpha : float
        Probability of a false alarm that a period may have.
    log_capital : ndarray of shape (n_bets,)
    """

    bound: float
    alpha: float
    log_capital: np.ndarray = field(default_factory=lambda: np.zeros(len(BETS)))
    began: int = 0  # Periods since the best bet began anew.

    def step(self, numbers: np.ndarray) -> bool:
        """Take the numbers of a period, and say whether the evidence is enough; then it begins anew."""
        sizes = BETS / max(1 - self.bound, 1e-6) if self.bound < 1 else BETS
        bets = np.log1p(sizes[:, None] * (self.bound - np.asarray(numbers, dtype=np.float64)[None, :]))
        is_new = self.log_capital[int(np.argmax(self.log_capital))] <= 0
        self.began = 0 if is_new else self.began + 1
        self.log_capital = np.maximum(self.log_capital, 0) + bets.sum(axis=1)
        if np.logaddexp.reduce(self.log_capital) - np.log(len(BETS)) < -np.log(self.alpha):
            return False
        self.log_capital = np.zeros(len(BETS))
        return True
