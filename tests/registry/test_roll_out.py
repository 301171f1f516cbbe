"""Roll-outs decided by evidence: right in time, wrong no more often than is promised, and the same after a restart."""

import numpy as np
import pytest

from metier.registry.betting import MeanBelow
from metier.registry.roll_out import Criterion, RollOut, Verdict, canary_numbers

ERRORS = Criterion("errors", bound=0.01)


def stream(random, n, worse, differ=0.05):
    drawn = random.random(n)
    return np.where(drawn < (differ + worse) / 2, 1.0, np.where(drawn < differ, -1.0, 0.0))


def test_a_mean_below_the_bound_is_shown_and_one_at_it_seldom():
    shown = []
    for seed in range(200):
        evidence = MeanBelow(0.01, -1, 1)
        highest = 0.0
        numbers = stream(np.random.default_rng(seed), 4_000, 0.01)
        for start in range(0, 4_000, 50):
            highest = max(highest, evidence.update(numbers[start : start + 50]).e_value)
        shown.append(highest >= 20)
    assert np.mean(shown) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
    assert MeanBelow(0.01, -1, 1).update(stream(np.random.default_rng(0), 4_000, -0.01)).e_value > 20


def test_portions_do_not_matter_and_a_capital_may_be_huge():
    numbers = stream(np.random.default_rng(1), 3_000, 0.0)
    at_once, one_by_one = MeanBelow(0.01, -1, 1).update(numbers), MeanBelow(0.01, -1, 1)
    for number in numbers:
        one_by_one.update([number])
    assert one_by_one.e_value == pytest.approx(at_once.e_value)
    assert np.isfinite(MeanBelow(0.5).update(np.zeros(100_000)).e_value)


@pytest.mark.parametrize(
    ("worse", "verdict"), [(-0.01, Verdict.PROMOTE), (0.03, Verdict.ROLL_BACK), (0.01, Verdict.WAIT)]
)
def test_what_is_better_is_promoted_and_what_is_worse_rolled_back(worse, verdict):
    roll_out = RollOut([ERRORS]).observe("errors", stream(np.random.default_rng(2), 5_000, worse))
    assert roll_out.decision.verdict is verdict
    [standing] = roll_out.decision.standings
    assert standing.mean == pytest.approx(worse, abs=0.01)
    assert standing.n == 5_000


def test_every_criterion_must_be_shown_and_one_is_enough_to_go_back():
    roll_out = RollOut([ERRORS, Criterion("disagreement", 0.1, 0.0, 1.0)])
    roll_out.observe("errors", stream(np.random.default_rng(3), 5_000, -0.01))
    assert (roll_out.decision.verdict, roll_out.decision.because) == (Verdict.WAIT, ("disagreement",))
    roll_out.observe("disagreement", np.tile([1.0, 0.0, 0.0], 300))
    assert (roll_out.decision.verdict, roll_out.decision.because) == (Verdict.ROLL_BACK, ("disagreement",))


def test_it_goes_on_after_the_process_has_ended():
    numbers = stream(np.random.default_rng(4), 4_000, -0.005)
    whole = RollOut([ERRORS]).observe("errors", numbers)
    begun = RollOut([ERRORS]).observe("errors", numbers[:1_500])
    again = RollOut.from_json(begun.to_json()).observe("errors", numbers[1_500:])
    assert again.decision.verdict is whole.decision.verdict
    [one], [other] = again.decision.standings, whole.decision.standings
    assert (one.n, one.mean) == (other.n, other.mean)
    assert (one.below, one.above) == pytest.approx((other.below, other.above))


def test_a_canary_counts_errors_by_how_rarely_a_version_is_asked():
    random = np.random.default_rng(5)
    is_new = random.random(40_000) < 0.2
    errors = random.random(40_000) < np.where(is_new, 0.13, 0.10)
    assert canary_numbers(is_new, errors, share=0.2).mean() == pytest.approx(0.03, abs=0.012)
    assert canary_numbers([True, False], [1, 1], share=0.2).tolist() == [5.0, -1.25]


@pytest.mark.parametrize("number", [1.5, -2.0, float("nan")])
def test_a_number_outside_is_refused(number):
    with pytest.raises(ValueError, match="is not between -1 and 1"):
        MeanBelow(0.01, -1, 1).update([0.0, number])


def test_nothing_to_decide_by_is_refused():
    with pytest.raises(ValueError, match="no criterion"):
        RollOut([])
    with pytest.raises(ValueError, match="alpha is 5"):
        RollOut([ERRORS], alpha=5)
    with pytest.raises(ValueError, match=r"The bound 2 is not above"):
        MeanBelow(2)
