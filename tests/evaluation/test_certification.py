"""The certificate against brute force, and its tightness against known bounds."""

import bisect
import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, multinomial

from metier.evaluation import net_loss_p_value, net_loss_upper_bound, rows_to_certify
from metier.evaluation.certification import EXCLUDED_CHANCE


def restricted_likelihood_score(losses, wins, rows, margin):
    """Tango's statistic with the nuisance parameter found by brute force instead of the root of the quadratic."""
    shares = np.linspace(0, (1 - margin) / 2, 20_001)
    likelihood = losses * np.log(shares + margin) + (rows - losses - wins) * np.log1p(
        -2 * shares - margin + 1e-15
    )
    if wins:
        likelihood = likelihood + wins * np.log(np.maximum(shares, 1e-300))
    share = shares[likelihood.argmax()]
    return (losses - wins - rows * margin) / math.sqrt(rows * (2 * share + margin - margin**2))


@pytest.mark.parametrize(("losses", "wins"), [(0, 0), (0, 3), (2, 1), (5, 2), (1, 9)])
def test_the_p_value_is_the_largest_probability_of_an_outcome_at_least_as_good(losses, wins):
    rows, margin = 40, 0.1
    outcomes = [(lost, won) for lost in range(rows + 1) for won in range(rows + 1 - lost)]
    score = {outcome: restricted_likelihood_score(*outcome, rows, margin) for outcome in outcomes}
    as_good = np.array([outcome for outcome in outcomes if score[outcome] <= score[losses, wins] + 1e-3])
    counts = np.column_stack([as_good, rows - as_good.sum(axis=1)])
    # Every win rate in the exact interval of scipy.
    allowed = binomtest(wins, rows).proportion_ci(confidence_level=1 - EXCLUDED_CHANCE, method="exact")
    worst = max(
        multinomial.pmf(counts, rows, [share + margin, share, 1 - 2 * share - margin]).sum()
        for share in np.linspace(allowed.low, min(allowed.high, (1 - margin) / 2 - 1e-9), 400)
    )
    found = net_loss_p_value(losses, wins, rows, margin=margin)
    assert found == pytest.approx(worst + EXCLUDED_CHANCE, rel=0.002)


def fewest_wins(losses, rows, margin, error):
    """Fewest wins that certify with these losses; more wins certify too."""
    return bisect.bisect_left(
        range(rows - losses + 1),
        True,
        key=lambda wins: net_loss_p_value(losses, wins, rows, margin=margin) <= error,
    )


@pytest.mark.parametrize("rows", [60, 300])
@pytest.mark.parametrize("margin", [0.02, 0.1])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_no_mix_of_losses_and_wins_at_the_margin_certifies_too_often(rows, margin, confidence):
    certified = np.array(
        [
            (losses, wins)
            for losses in range(40)
            for wins in range(fewest_wins(losses, rows, margin, 1 - confidence), rows - losses + 1)
        ]
    )
    counts = np.column_stack([certified, rows - certified.sum(axis=1)])
    for share in [0, 0.001, 0.005, 0.02, 0.05]:
        # At the margin exactly, and beyond it.
        for loss in [share + margin, share + 1.3 * margin]:
            chance = multinomial.pmf(counts, rows, [loss, share, 1 - share - loss]).sum()
            assert chance <= 1 - confidence


@pytest.mark.parametrize("share_of_wins", [0.0, 0.002, 0.01])
def test_false_certificates_are_within_the_error_level_in_simulation(share_of_wins):
    rng = np.random.default_rng(13)
    rows, margin, samples = 1500, 0.005, 4000
    drawn = rng.multinomial(
        rows, [share_of_wins + margin, share_of_wins, 1 - 2 * share_of_wins - margin], samples
    )
    kinds, times = np.unique(drawn[:, :2], axis=0, return_counts=True)
    certified = sum(
        count
        for (losses, wins), count in zip(kinds, times, strict=True)
        if net_loss_p_value(int(losses), int(wins), rows, margin=margin) <= 0.05
    )
    assert certified <= binom.ppf(0.999, samples, 0.05)
    # A test that never certifies would be valid too; this one uses most of its error level.
    assert certified >= 0.01 * samples


def test_without_losses_and_wins_it_is_the_binomial_bound():
    assert rows_to_certify(0.005) == 598
    assert net_loss_p_value(0, 0, 598, margin=0.005) <= 0.05 < net_loss_p_value(0, 0, 597, margin=0.005)
    assert net_loss_p_value(0, 0, 300, margin=0.01) == pytest.approx(0.99**300, abs=2 * EXCLUDED_CHANCE)


def betting_p_value(losses, wins, rows, margin):
    """Waudby-Smith and Ramdas (2023): the wealth of betting that a row loses less than the margin.

    It depends on the order of the rows; the mean over orders stands for all.
    """
    rng = np.random.default_rng(14)
    values = np.r_[np.ones(losses), -np.ones(wins), np.zeros(rows - losses - wins)]
    found = []
    for _ in range(20):
        drawn = rng.permutation(values)
        before = np.arange(rows)
        mean = (0.0 + np.r_[0, drawn.cumsum()[:-1]]) / (1 + before)
        spread = (0.25 + np.r_[0, ((drawn - mean) ** 2).cumsum()[:-1]]) / (1 + before)
        bet = np.minimum(np.sqrt(2 * np.log(1 / 0.05) / (rows * spread)), 0.75 / (1 - margin))
        found.append(min(1.0, 1 / np.exp(np.log1p(bet * (margin - drawn)).cumsum().max())))
    return float(np.mean(found))


def hoeffding_bentkus_p_value(losses, wins, rows, margin):
    """Angelopoulos et al. (2021), on the loss moved from [-1, 1] to [0, 1]."""
    mean, limit = (1 + (losses - wins) / rows) / 2, (1 + margin) / 2
    if mean >= limit:
        return 1.0
    divergence = mean * math.log(mean / limit) + (1 - mean) * math.log((1 - mean) / (1 - limit))
    return min(1.0, math.exp(-rows * divergence), math.e * binom.cdf(math.ceil(rows * mean), rows, limit))


@pytest.mark.parametrize(
    ("losses", "wins", "rows"), [(0, 1, 800), (2, 3, 1000), (3, 6, 1500), (8, 12, 2000), (45, 10, 10_000)]
)
def test_it_is_tighter_than_the_known_valid_bounds(losses, wins, rows):
    ours = net_loss_p_value(losses, wins, rows, margin=0.005)
    losses_alone = binom.cdf(losses, rows, 0.005)
    assert ours < losses_alone
    assert ours < betting_p_value(losses, wins, rows, 0.005)
    assert ours < hoeffding_bentkus_p_value(losses, wins, rows, 0.005)


def test_the_bound_certifies_and_nothing_smaller_does():
    for losses, wins, rows in [
        (0, 0, 100),
        (3, 2, 1000),
        (6, 20, 1000),
        (40, 4, 200),
        (0, 30, 30),
        (30, 0, 30),
    ]:
        bound = net_loss_upper_bound(losses, wins, rows)
        if bound < 1:
            assert net_loss_p_value(losses, wins, rows, margin=bound) <= 0.05
            assert net_loss_p_value(losses, wins, rows, margin=bound - 2e-5) > 0.05
        assert bound >= (losses - wins) / rows


def test_a_gain_can_be_certified_and_the_bound_grows_with_losses_and_shrinks_with_wins_and_rows():
    assert net_loss_upper_bound(2, 40, 1000) < 0
    bounds = [net_loss_upper_bound(losses, 5, 1000) for losses in range(5)]
    assert bounds == sorted(bounds)
    assert (
        net_loss_upper_bound(4, 5, 1000) > net_loss_upper_bound(4, 8, 1000) > net_loss_upper_bound(8, 16, 2000)
    )


@pytest.mark.parametrize(("counts", "margin"), [((1, 2, 2), 0.01), ((-1, 0, 10), 0.01), ((0, 0, 10), 1.0)])
def test_impossible_counts_are_refused(counts, margin):
    with pytest.raises(ValueError, match="found"):
        net_loss_p_value(*counts, margin=margin)
