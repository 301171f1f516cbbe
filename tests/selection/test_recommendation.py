import re

import numpy as np
import pytest

from metier.selection.recommendation import Answered, Evidence, recommend
from metier.selection.scores import Scores
from metier.tasks import Classification
from metier.tasks.task import PlainTask


def named(codes):
    return [f"l{code}" for code in codes]


def judge_of(truth, metric="accuracy"):
    return Scores(Classification(tuple(f"l{code}" for code in range(5)), metric), named(truth))


def answers(truth, wrong, *, rng):
    predicted = truth.copy()
    rows = rng.choice(len(truth), size=wrong, replace=False)
    predicted[rows] = (predicted[rows] + 1) % 5
    return predicted


def answered(n_rows, **candidates):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, n_rows)
    return judge_of(truth), [
        Answered(name, named(answers(truth, wrong, rng=rng)), latency)
        for name, (wrong, latency) in candidates.items()
    ]


@pytest.mark.parametrize("latency", [1.9, 1.01, 0.1])
def test_no_figure_of_a_cost_is_said_that_a_refit_would_change(latency):
    judge, candidates = answered(1000, cascade=(62, latency), vote=(61, 2.9), average=(60, 3.0))
    chosen = recommend(candidates, judge)
    assert chosen.name == "cascade"
    assert "the best (average), and cheaper: 0.2 points" in chosen.sentence
    assert not any(" ms" in said for said in (chosen.sentence, *chosen.reasons))


def test_the_same_cost_is_no_share_of_it():
    """Two that answer alike: the first named is shipped, whatever the clock says of them."""
    judge, (one,) = answered(1000, searched=(60, 3.0))
    alike = Answered("encoder", one.predicted, 3.03)
    assert (
        "tied with the best (searched), at the same cost: 0.0 points" in recommend([alike, one], judge).sentence
    )


def test_the_cheapest_tied_candidate_is_shipped():
    judge, candidates = answered(
        1000, baseline=(800, 0.01), linear=(90, 0.2), cascade=(62, 0.4), average=(60, 3.0)
    )
    chosen = recommend(candidates, judge)
    assert (chosen.name, chosen.best) == ("cascade", "average")
    assert "not shown to be worse than the best (average), and cheaper" in chosen.sentence
    assert "0.2 points [" in chosen.sentence
    assert (
        "behind on 1,000 validation rows, with a chance of 25 % that it is more than 1 point worse"
        in chosen.sentence
    )
    assert any(reason.startswith("linear is 3.0 points [") for reason in chosen.reasons)


def test_the_best_is_shipped_when_everything_cheaper_is_shown_to_be_worse():
    judge, candidates = answered(2000, linear=(200, 0.2), encoder=(100, 2.0))
    chosen = recommend(candidates, judge)
    assert chosen.name == "encoder"
    assert "nothing cheaper is close enough to it" in chosen.sentence


def test_few_rows_do_not_tie_the_baseline():
    # 40 rows: 26 against 30 right is not shown to be different, but it is ten points.
    judge, candidates = answered(40, baseline=(14, 0.01), linear=(10, 0.2))
    assert recommend(candidates, judge).name == "linear"


def test_a_difference_of_the_clock_does_not_decide():
    judge, candidates = answered(1000, a=(65, 1.00), b=(60, 1.05))
    assert recommend(candidates, judge).name == "b"


def test_macro_f1_decides_where_it_is_the_metric():
    truth = np.array([0] * 950 + [1] * 50)
    always_zero, finds_ones = np.zeros(1000, dtype=int), truth.copy()
    finds_ones[:60] = 1  # Less accurate by a point, far better on the rare label.
    candidates = [Answered("lazy", named(always_zero), 0.1), Answered("finder", named(finds_ones), 1.0)]
    assert recommend(candidates, judge_of(truth, "macro_f1")).name == "finder"


def test_an_error_is_the_better_the_lower():
    scores = Scores(Grades(), [float(row % 7) for row in range(400)])
    rng = np.random.default_rng(0)
    near, nearer = (scores.targets + rng.normal(0, 1.0, 400) for _ in range(2))
    far = scores.targets + rng.normal(0, 3.0, 400)
    candidates = [Answered("far", far, 0.1), Answered("near", near, 1.0), Answered("nearer", nearer, 9.0)]
    chosen = recommend(candidates, scores, tolerance=0.1)
    best = min(("near", near), ("nearer", nearer), key=lambda one: np.abs(one[1] - scores.targets).mean())[0]
    assert (chosen.name, chosen.best) == ("near", best)
    assert any(re.match(rf"far is \d.* in MAE \[.*\] behind {best}", reason) for reason in chosen.reasons)


class Grades(PlainTask):
    name, labels, primary_metric, metrics = "regression", (), "mae", ("mae",)


def test_what_is_hardly_worse_on_many_rows_is_called_tied():
    truth = np.arange(10_000) % 5
    best, cheap = truth.copy(), truth.copy()
    best[:500] = (truth[:500] + 1) % 5
    cheap[500:1010] = (truth[500:1010] + 1) % 5
    candidates = [Answered("cheap", named(cheap), 0.1), Answered("best", named(best), 1.0)]
    sentence = recommend(candidates, judge_of(truth)).sentence
    assert "ship cheap: tied with the best (best), and cheaper: 0.1 points" in sentence
    assert "a chance of under 1 %" in sentence


def evidence_of(n_validation, n_out_of_fold, *, right):
    """Give evidence and candidates that get so many validation rows and so many others right; None: did not answer."""
    truth, others = np.zeros(n_validation, dtype=int), np.zeros(n_out_of_fold, dtype=int)

    def wrong_after(rows, number):
        predicted = rows.copy()
        predicted[number:] = 1
        return named(predicted)

    candidates = [
        Answered(name, wrong_after(truth, first), latency, None if more is None else wrong_after(others, more))
        for name, (first, more, latency) in right.items()
    ]
    return Evidence(judge_of(truth), judge_of(others)), candidates


def test_rows_answered_out_of_fold_count_like_validation_rows():
    right = {"lucky": (19, 140, 0.2), "able": (18, 180, 1.0)}
    evidence, candidates = evidence_of(20, 200, right=right)
    assert recommend(candidates, evidence.validation).name == "lucky"
    chosen = recommend(candidates, evidence)
    assert (chosen.name, chosen.best) == ("able", "able")
    assert "the best on 20 validation rows and 200 out-of-fold" in chosen.sentence


def test_what_answered_the_validation_rows_alone_is_compared_on_those():
    """Its score is the best one's on all rows and what it is ahead on validation: 90 % and two rows of 20."""
    right = {"linear": (18, 180, 0.2), "encoder": (20, None, 9.0)}
    evidence, candidates = evidence_of(20, 200, right=right)
    assert evidence.scores(candidates) == pytest.approx({"linear": 0.9, "encoder": 1.0})
    against = evidence.against(candidates, candidates[1], 0.01)
    assert against["linear"].difference == pytest.approx(-0.1)
    assert (against["linear"].only_a_right, against["linear"].only_b_right) == (0, 2)
