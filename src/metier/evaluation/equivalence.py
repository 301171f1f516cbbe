"""Equivalence test: whether two sets of answers are equally accurate within a margin."""

from dataclasses import dataclass

import numpy as np

from metier.evaluation.certification import net_loss_p_value, net_loss_upper_bound
from metier.evaluation.comparison import count_flips
from metier.evaluation.metrics import check_answers


@dataclass(frozen=True)
class Equivalence:
    """Result of two one-sided tests.

    Parameters
    ----------
    difference, low, high : float
        Accuracy of a minus that of b, and the interval between the two one-sided bounds.
    margin : float
        Largest difference that counts as none, as a fraction.
    flips : int
        Rows that only one of the two answers correctly.
    is_equivalent : bool
        Both one-sided tests reject: the difference is shown to be within the margin.
    """

    difference: float
    low: float
    high: float
    margin: float
    flips: int
    is_equivalent: bool


def equivalent(
    truth: np.ndarray,
    predicted_a: np.ndarray,
    predicted_b: np.ndarray,
    *,
    margin: float = 0.005,
    level: float = 0.95,
) -> Equivalence:
    """Test whether the accuracies of a and b differ by less than `margin`.

    Two one-sided tests (Schuirmann, 1987), each the exact one of `certification` at error 1 - level; together
    they need no correction. Few rows cannot prove equivalence: at 0.5 points 597 rows without a flip are not
    enough.
    """
    truth, predicted_a, predicted_b = check_answers(truth, predicted_a, predicted_b)
    rows = len(truth)
    only_a, only_b = count_flips(truth, predicted_a, predicted_b)
    sides = ((only_a, only_b), (only_b, only_a))
    is_equivalent = all(net_loss_p_value(lost, won, rows, margin=margin) <= 1 - level for lost, won in sides)
    difference = (only_a - only_b) / rows
    high = net_loss_upper_bound(only_a, only_b, rows, confidence=level)
    low = -net_loss_upper_bound(only_b, only_a, rows, confidence=level)
    return Equivalence(difference, low, high, margin, only_a + only_b, is_equivalent)
