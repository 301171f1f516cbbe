"""The population stability index: how far shares have moved from a reference, in one number.

The sum of (now - before) * log(now / before) over classes. Rules of thumb call 0.1 a small and 0.25 a large change; it is
no test, as its value by chance grows with the number of classes and falls with that of rows.
"""

import numpy as np

HALF = 0.5  # Of a row is added to each class, so that none is empty.


def population_stability(before: np.ndarray, now: np.ndarray) -> float:
    """Give the index.

    Parameters
    ----------
    before, now : ndarray of shape (n_classes,)
        Counts.
    """
    old, new = (np.asarray(one, dtype=np.float64) + HALF for one in (before, now))
    old, new = old / old.sum(), new / new.sum()
    return float(((new - old) * np.log(new / old)).sum())


def by_chance(n_classes: int, n_before: int, n_now: int) -> float:
    """Give what the index is on average where nothing has moved (Yurdakul, 2018)."""
    return (n_classes - 1) * (1 / max(n_before, 1) + 1 / max(n_now, 1))
