"""Which of many tests of one period are raised, so that of those raised few are false (Benjamini and Hochberg, 1995)."""

import numpy as np


def benjamini_hochberg(p_values: np.ndarray, level: float) -> np.ndarray:
    """Say which tests are raised.

    Parameters
    ----------
    p_values : ndarray of shape (n_tests,)
    level : float
        Share of false ones among those raised that may be expected, 0 to 1; it holds for tests that are independent or
        that move together.

    Returns
    -------
    ndarray of bool of shape (n_tests,)
    """
    n = len(p_values)
    order = np.argsort(p_values, kind="stable")
    below = np.flatnonzero(p_values[order] <= level * np.arange(1, n + 1) / max(n, 1))
    raised = np.zeros(n, dtype=bool)
    if len(below):
        raised[order[: below[-1] + 1]] = True
    return raised
