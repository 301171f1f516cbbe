"""The difference of a metric between two sets of rows that were drawn independently.

Paired tests need both answers to the same rows. Where a model is measured again on other rows, only two figures with
their intervals are at hand; Zou and Donner [1]_ combine these ("square and add"), which for proportions is Newcombe's
interval and takes no symmetry for granted.

References
----------
.. [1] Zou and Donner, "Construction of confidence limits about effect measures", 2008, doi:10.1002/sim.3095.
"""

import math

from metier.evaluation.intervals import Interval


def difference_of_independent(first: Interval, second: Interval) -> Interval:
    """Give first - second with its interval, at the level of the two intervals."""
    value = first.value - second.value
    low = value - math.hypot(first.value - first.low, second.high - second.value)
    high = value + math.hypot(first.high - first.value, second.value - second.low)
    return Interval(value, low, high)
