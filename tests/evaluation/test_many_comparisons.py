"""The luckiest of many equal candidates is not shown to be better than the others."""

import numpy as np
import pytest

from metier.evaluation.many_comparisons import compare_pairs, compare_with_best, holm


def candidates(rng, rights, *, rows=300, agreement=0.7):
    """Answers of candidates that are right where a row is easy, each with some luck of its own."""
    truth = rng.integers(0, 4, rows)
    common = rng.random(rows)
    found = {}
    for number, right in enumerate(rights):
        luck = np.where(rng.random(rows) < agreement, common, rng.random(rows))
        found[f"c{number}"] = np.where(luck < right, truth, (truth + 1) % 4)
    return truth, found


def best_of(truth, answers):
    return max(answers, key=lambda name: np.mean(answers[name] == truth))


@pytest.mark.parametrize("count", [3, 10])
def test_among_equal_candidates_a_difference_is_rarely_shown(count):
    rng = np.random.default_rng(count)
    shown, runs = 0, 60
    for _ in range(runs):
        truth, answers = candidates(rng, [0.85] * count)
        found = compare_with_best("accuracy", truth, answers, best_of(truth, answers), resamples=400)
        assert set(found) == set(answers) - {best_of(truth, answers)}
        shown += any(one.verdict == "b is better" for one in found.values())
    assert shown <= 7  # 5 % of 60 are 3; unadjusted it is half of them.


def test_a_real_difference_is_shown_among_many():
    truth, answers = candidates(np.random.default_rng(1), [0.9] * 5 + [0.7], rows=600)
    found = compare_with_best("accuracy", truth, answers, best_of(truth, answers))
    assert found["c5"].verdict == "b is better"
    assert found["c5"].chance_worse > 0.99
    assert found["c5"].difference < 0


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "mae"])
def test_two_candidates_are_compared_as_by_themselves_and_more_never_with_more_confidence(metric):
    truth, answers = candidates(np.random.default_rng(2), [0.8, 0.86, 0.85, 0.84])
    [alone] = compare_pairs(metric, truth, dict(list(answers.items())[:2]), [("c0", "c1")], resamples=500)
    [among] = compare_pairs(metric, truth, answers, [("c0", "c1")], resamples=500)
    assert alone.p_value <= among.p_value <= 1
    assert (alone.difference, alone.only_a_right) == (among.difference, among.only_a_right)


def test_few_rows_answered_alike_do_not_show_that_one_is_within_the_tolerance():
    truth = np.zeros(4000, dtype=int)
    chances = [
        compare_with_best("accuracy", one, {"a": one, "b": one}, "b", tolerance=0.01)["a"].chance_worse
        for one in (truth[:10], truth[:300], truth)
    ]
    assert chances[0] > 0.2
    assert chances[0] > chances[1] > chances[2]
    assert chances[2] < 0.01


def test_groups_make_differences_less_certain():
    truth, answers = candidates(np.random.default_rng(4), [0.8, 0.84], rows=100)
    again = {name: np.repeat(one, 8) for name, one in answers.items()}
    single = compare_with_best("accuracy", np.repeat(truth, 8), again, "c1")["c0"]
    grouped = compare_with_best("accuracy", np.repeat(truth, 8), again, "c1", groups=np.arange(800) // 8)["c0"]
    assert grouped.high - grouped.low > 2 * (single.high - single.low)
    assert grouped.p_value > single.p_value


def test_of_errors_a_lower_one_is_better():
    rng = np.random.default_rng(5)
    truth = rng.standard_normal(200)
    answers = {"near": truth + 0.1 * rng.standard_normal(200), "far": truth + rng.standard_normal(200)}
    found = compare_with_best("mae", truth, answers, "near", tolerance=0.2)["far"]
    assert found.verdict == "b is better"
    assert found.difference > 0
    assert found.chance_worse > 0.99


def test_holm_adjusts_from_the_smallest_p_value_up():
    """p-values of Holm (1979) as R's `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` gives them."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
