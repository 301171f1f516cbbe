"""How much one key may teach: corrections a day, and corrections to one label beside the rows that it has already."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence

import numpy as np

DAY_SECONDS = 86_400.0


def beyond_rate(keys: Sequence[str], seconds: np.ndarray, *, per_day: int) -> np.ndarray:
    """Give which corrections came after so many of the same key within 24 hours, of shape (n_corrections,).

    Those that came too fast do not count themselves: a key that goes on sending still has its share a day.

    Examples
    --------
    >>> beyond_rate(["a", "a", "b", "a"], np.array([0.0, 5.0, 6.0, 90_000.0]), per_day=1).tolist()
    [False, True, False, False]
    """
    recent: dict[str, deque[float]] = defaultdict(deque)
    beyond = np.zeros(len(keys), dtype=bool)
    for row, (key, at) in enumerate(zip(keys, seconds.tolist(), strict=True)):
        own = recent[key]
        while own and own[0] <= at - DAY_SECONDS:
            own.popleft()
        beyond[row] = len(own) >= per_day
        if not beyond[row]:
            own.append(at)
    return beyond


def beyond_influence(
    keys: Sequence[str],
    labels: Sequence[str],
    counted: np.ndarray,
    rows_of: Mapping[str, int],
    *,
    fraction: float,
    least: int,
) -> np.ndarray:
    """Give which corrections would let one key add too much to a label, of shape (n_corrections,).

    Parameters
    ----------
    counted : ndarray of bool of shape (n_corrections,)
        Which are to be learned, if this does not hold them back; others take nothing of the share.
    rows_of : mapping of str to int
        Rows that each label has already.
    fraction : float
        Of these rows that a key may add.
    least : int
        That it may add in any case.
    """
    given: Counter[tuple[str, str]] = Counter()
    beyond = np.zeros(len(keys), dtype=bool)
    for row, pair in enumerate(zip(keys, labels, strict=True)):
        if not counted[row]:
            continue
        most = max(least, int(fraction * rows_of.get(pair[1], 0)))
        beyond[row] = given[pair] >= most
        given[pair] += not beyond[row]
    return beyond
