"""An exact bound on the accuracy lost when the answers of one method replace those of another.

A row is a *loss* if only the replaced answer was correct, a *win* if only the new one is, and a tie
otherwise. The loss in accuracy is P(loss) - P(win). This module tests whether it stays below a margin,
exactly, from the counts of losses and wins among the rows.

The test orders outcomes by the score statistic of Tango [1]_ and takes as its p-value the largest probability,
over every win rate in a confidence set [2]_, of an outcome at least as good. It is not asymptotic: with 1,000
rows and a margin of 0.5 points a few rows decide, and normal approximations certify too often. Of the bounds
valid at any number of rows that the tests compare it was the tightest: a binomial bound on losses alone cannot
use wins, a betting martingale pays for being valid at any time, a Hoeffding-Bentkus bound does not use that most
rows are ties.

References
----------
.. [1] Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
   design", 1998.
.. [2] Berger and Boos, "P values maximized over a confidence set for the nuisance parameter", 1994.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, bdtrc, betaincinv, gammaln, xlog1py, xlogy

from metier.evaluation.comparison import count_flips
from metier.evaluation.metrics import check_answers

# Probability that the win rate is outside the confidence set; added to every p-value. Small enough to cost no row:
# at 0.5 points 598 rows without a loss certify, as with the binomial bound.
EXCLUDED_CHANCE = 2e-5
# Win rates tried in each of two rounds; the probability is a smooth function of them.
SHARES_TRIED = 25
NEGLIGIBLE_PROBABILITY = 1e-13
# Resolution of the bound, as a fraction of the rows.
FINEST = 1e-5


# Cached, as the same counts recur: at neighbouring thresholds, on both sides of an equivalence test.
@functools.lru_cache(maxsize=10_000)
def net_loss_p_value(losses: int, wins: int, rows: int, *, margin: float) -> float:
    """Give the exact p-value of "P(loss) - P(win) is `margin` or more".

    Parameters
    ----------
    losses, wins, rows : int
        Counts; rows that are neither a loss nor a win count in `rows` only.
    margin : float
        Largest acceptable loss in accuracy, as a fraction: 0.005 is half a point. Below 0: a gain is required.
    """
    _check(losses, wins, rows, margin)
    lowest = float(betaincinv(wins, rows - wins + 1, EXCLUDED_CHANCE / 2)) if wins else 0.0
    highest = float(betaincinv(wins + 1, rows - wins, 1 - EXCLUDED_CHANCE / 2)) if wins < rows else 1.0
    # At the margin P(loss) is P(win) + margin; it cannot be negative, nor the two together more than 1.
    possible = max(-margin, 0.0), (1 - margin) / 2
    lowest, highest = float(np.clip(lowest, *possible)), float(np.clip(highest, *possible))
    most_wins = min(rows, math.ceil(rows * highest + 10 * math.sqrt(rows * highest) + 30))
    accepted = _most_losses(losses, wins, rows, margin, most_wins)
    shares = np.linspace(math.sqrt(lowest), math.sqrt(highest), SHARES_TRIED) ** 2
    chances = _chance(accepted, rows, margin, shares)
    peak = int(chances.argmax())
    nearest = np.linspace(shares[max(peak - 1, 0)], shares[min(peak + 1, SHARES_TRIED - 1)], SHARES_TRIED)
    worst = max(float(chances.max()), float(_chance(accepted, rows, margin, nearest).max()))
    return min(1.0, worst + EXCLUDED_CHANCE)


@functools.lru_cache(maxsize=10_000)
def net_loss_upper_bound(losses: int, wins: int, rows: int, *, confidence: float = 0.95) -> float:
    """Give the smallest margin that the rows certify, as a fraction: an upper bound on the accuracy lost.

    Below 0 where a gain is certified. Exact to 1e-5, rounded to the conservative side.
    """
    if not 0.5 <= confidence < 1:
        raise ValueError(f"Expected a confidence from 0.5 to below 1, found {confidence}.")
    error = 1 - confidence
    low = max((losses - wins) / rows, -1 + FINEST)
    step = (1 + math.sqrt(losses + wins + 1)) / rows
    high = low
    while True:
        high = min(high + step, 1 - FINEST)
        if net_loss_p_value(losses, wins, rows, margin=high) <= error:
            break
        if high == 1 - FINEST:
            return 1.0
        low, step = high, 2 * step
    # Bisection keeps a certified margin at the upper end, even where the p-value jumps.
    while high - low > FINEST:
        middle = (low + high) / 2
        if net_loss_p_value(losses, wins, rows, margin=middle) <= error:
            high = middle
        else:
            low = middle
    return high


def rows_to_certify(margin: float, *, confidence: float = 0.95) -> int:
    """Give the fewest rows that certify `margin` if all of them are ties."""
    return math.ceil(math.log(1 - confidence - EXCLUDED_CHANCE) / math.log1p(-margin))


def _score(losses: np.ndarray, wins: np.ndarray, rows: int, margin: float) -> np.ndarray:
    """Give Tango's score for a loss of `margin`: far below 0 where the rows indicate a smaller loss."""
    # The maximum likelihood win rate if the loss were exactly the margin: the root of a quadratic (Tango, 1998).
    b = -losses - wins + (2 * rows - losses + wins) * margin
    c = -wins * margin * (1 - margin)
    most_likely = (np.sqrt(np.maximum(b * b - 8 * rows * c, 0)) - b) / (4 * rows)
    variance = rows * (2 * most_likely + margin * (1 - margin))
    # No losses, no wins and a margin of 0 leave no variance: the score is then 0, not undefined.
    return (losses - wins - rows * margin) / np.sqrt(np.maximum(variance, 1e-12))


def _most_losses(losses: int, wins: int, rows: int, margin: float, most_wins: int) -> np.ndarray:
    """For 0 to `most_wins` wins, the most losses with a score at least as good as the observed one; -1: none."""
    observed = float(_score(np.array([float(losses)]), np.array([float(wins)]), rows, margin)[0]) + 1e-9
    possible_wins = np.arange(most_wins + 1, dtype=np.float64)
    low = np.full(most_wins + 1, -1.0)
    high = rows - possible_wins
    # The score grows with losses, so bisection finds the last accepted number, for all wins at once.
    while np.any(low < high):
        middle = np.ceil((low + high) / 2)
        good = _score(middle, possible_wins, rows, margin) <= observed
        low, high = np.where(good, middle, low), np.where(good, high, middle - 1)
    return low


def _chance(accepted: np.ndarray, rows: int, margin: float, shares: np.ndarray) -> np.ndarray:
    """Probability of an accepted outcome where P(win) is a share and P(loss) is larger by the margin; shape (n_shares,)."""
    wins = np.arange(len(accepted), dtype=np.float64)
    share = shares[:, None]
    log_choices = gammaln(rows + 1) - gammaln(wins + 1) - gammaln(rows - wins + 1)
    chance_of_wins = np.exp(log_choices + xlogy(wins, share) + xlog1py(rows - wins, -share))
    # Given the wins, losses are binomial among the other rows. The binomial sum is the expensive part, so it is
    # skipped for the many improbable numbers of wins, as if all their outcomes were accepted.
    at, won = np.nonzero((chance_of_wins > NEGLIGIBLE_PROBABILITY) & (accepted >= 0))
    loss_rate = np.clip((shares + margin) / (1 - shares), 0, 1)
    chance_of_losses = np.where(accepted >= 0, np.ones(chance_of_wins.shape), 0.0)
    chance_of_losses[at, won] = bdtr(accepted[won], rows - won, loss_rate[at])
    # More wins than were enumerated count as accepted, which can only raise the p-value.
    beyond = bdtrc(float(wins[-1]), rows, shares) if wins[-1] < rows else np.zeros(len(shares))
    return (chance_of_wins * chance_of_losses).sum(axis=1) + beyond


def _check(losses: int, wins: int, rows: int, margin: float) -> None:
    if not -1 < margin < 1:
        raise ValueError(f"Expected a margin between -1 and 1, as a fraction of the rows; found {margin}.")
    if losses < 0 or wins < 0 or losses + wins > rows or rows < 1:
        raise ValueError(f"Expected losses and wins among the rows; found {losses} and {wins} among {rows}.")


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
