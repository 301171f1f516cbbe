"""How many held-out rows a conformal guarantee takes; without scipy, for what answers needs it too."""

import math


def rows_for_coverage(coverage: float) -> int:
    """Give the fewest rows that can guarantee a coverage."""
    # A new error exceeds the largest of n with probability 1 / (n + 1). 1 - 0.9 is not exact in floating point.
    return math.ceil(coverage / (1 - coverage) - 1e-9)
