"""The conclusion of a run: the same figures as the leaderboard, and the rows that each claim stands on."""

import copy
import json
from pathlib import Path

import pytest

from metier.report.headline import conclusion, why_not
from metier.report.section import Page
from metier.report.words import Words

SMALL = json.loads((Path(__file__).parent / "small_report.json").read_text("utf-8"))
LINEAR, MAJORITY = "tfidf_linear.v1", "majority.v1"


def said(report):
    return " ".join(conclusion(Page(report)))


@pytest.fixture
def report():
    return copy.deepcopy(SMALL)


def candidate(report, name):
    return next(one for one in report["candidates"] if one["name"] == name)


def choose(report, name, *, chance_worse):
    """Let the cheaper one be recommended though the other is the best on validation."""
    against = {
        "difference": -0.004,
        "low": -0.012,
        "high": 0.003,
        "p_value": 0.4,
        "verdict": "no difference shown",
    }
    against["chance_worse"] = chance_worse
    report["recommended"] = name
    report["decision"] |= {"best": LINEAR, "against_best": against}
    report["against"] = {LINEAR: against}


@pytest.mark.parametrize(
    ("language", "expected"), [("en", "(adjusted p = 0.40)"), ("zh", "（校正后 p = 0.40）")]
)
def test_an_adjusted_p_says_so(report, language, expected):
    choose(report, MAJORITY, chance_worse=0.001)
    assert expected in " ".join(why_not(Page(report, Words(language))))


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "can be certified from 599 validation rows on, and there were 71; give more rows"),
        ("zh", "至少要有 599 条验证样本才能证明它等价，这里只有 71 条"),
    ],
)
def test_too_few_rows_to_certify_int8_are_told_with_the_remedy(report, language, expected):
    said = " ".join(conclusion(Page(report, Words(language))))
    assert "fp32" not in said
    candidate(report, LINEAR)["facts"]["export"] = {"chosen": "fp32", "rows": 0, "rows_needed": 599}
    assert expected in " ".join(conclusion(Page(report, Words(language))))
    report["data"]["rows"]["validation"] = 599
    assert "fp32" not in " ".join(conclusion(Page(report, Words(language))))


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", "40 % of train, upper layers alone (top:2)"), ("zh", "训练集的 40 %，只训练上层（top:2）")],
)
def test_what_trained_its_upper_layers_alone_is_shown_as_that(report, language, expected):
    one = candidate(report, LINEAR)
    one["trained_on"], one["facts"]["adaptation"] = "40 % of train", "top:2"
    assert Page(report, Words(language)).rows_seen(one) == expected
    report["settings"]["adaptation"] = "top:2"  # It was asked for.
    assert "top:2" not in Page(report, Words(language)).rows_seen(one)


def test_each_claim_names_its_rows_and_the_refit_is_told(report):
    text = said(report)
    assert (
        "Chosen on 71 validation rows and 288 training rows answered out of fold: the best accuracy of 2"
        in text
    )
    assert "On the 240 test rows, predicted once after the choice: accuracy 98.8 %" in text
    assert "After the choice it was trained again on train + validation (refit)" in text


@pytest.mark.parametrize(
    ("refit", "expected"),
    [
        ({"is_wanted": False, "done": [], "left_out": {}}, "No refit was asked for"),
        (
            {
                "is_wanted": True,
                "done": [],
                "left_out": {LINEAR: {"needed_seconds": 75.0, "left_seconds": 12.2}},
            },
            "was not trained again on train + validation: that would have taken 1 min 15 s, and 12 s were left",
        ),
        (
            {"is_wanted": True, "done": [], "left_out": {LINEAR: {"why": "the disk is full."}}},
            "the refit failed (the disk is full).",
        ),
    ],
)
def test_a_refit_that_did_not_happen_says_why(report, refit, expected):
    report["refit"] = refit
    assert expected in said(report)


def test_an_ensemble_names_the_members_that_were_not_trained_again(report):
    candidate(report, LINEAR)["members"] = [MAJORITY]
    report["refit"] = {"is_wanted": True, "done": [], "left_out": {}}
    assert "majority.v1 was not trained again" in said(report)


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        (0.04, "statistically tied there with tfidf_linear.v1"),
        (0.3, "not shown worse there than tfidf_linear.v1"),
    ],
)
def test_tied_is_said_only_where_there_is_little_chance_of_worse(report, chance, expected):
    choose(report, MAJORITY, chance_worse=chance)
    text = said(report)
    assert expected in text
    assert f"{chance * 100:.0f} % chance of being more than 1 point worse" in text
    assert "0.4 points behind [−0.3, +1.2]" in text


def test_the_time_of_an_answer_is_the_one_of_the_leaderboard(report):
    choose(report, MAJORITY, chance_worse=0.3)
    candidate(report, MAJORITY)["latency_ms"]["mean"] = 0.0123
    candidate(report, LINEAR)["latency_ms"]["mean"] = 4.56
    report["recommendation"] = "ship it: at a fifth of its cost"  # Of before the refit: not repeated.
    assert "0.012 ms against 4.6 ms a row" in said(report)
    assert "a fifth" not in said(report)
    assert "(4.6 ms against 0.012 ms a row)" in " ".join(why_not(Page(report)))


def test_one_that_is_no_longer_cheaper_says_so(report):
    choose(report, MAJORITY, chance_worse=0.3)
    assert "and cheaper (" in said(report)
    candidate(report, MAJORITY)["latency_ms"]["mean"] = 50.0
    assert "cheaper then (measured again since: 50 ms against" in said(report)


def test_one_that_takes_as_long_is_not_called_cheaper(report):
    choose(report, MAJORITY, chance_worse=0.3)
    latency = candidate(report, LINEAR)["latency_ms"]["mean"]
    for ratio in (0.9, 1.1):
        candidate(report, MAJORITY)["latency_ms"]["mean"] = ratio * latency
        assert "and at about the same cost (" in said(report)


def test_an_interval_of_how_far_it_is_behind_has_a_direction_at_0(report):
    choose(report, MAJORITY, chance_worse=0.3)
    report["decision"]["against_best"] |= {"difference": 0.0, "low": -0.02, "high": 0.03}
    assert "0.0 points behind [−3.0, +2.0]" in said(report)


def test_figures_that_are_compared_have_the_same_decimals(report):
    metric = report["primary_metric"]
    candidate(report, MAJORITY)["validation"][metric] = {"value": 0.9667, "low": 0.892, "high": 0.993}
    candidate(report, LINEAR)["validation"][metric] = {"value": 0.9833, "low": 0.921, "high": 0.998}
    page = Page(report)
    found = page.figures_of_choice(candidate(report, MAJORITY), candidate(report, LINEAR))
    assert found == ("96.7 %", "98.3 %")


def test_what_the_choice_went_by_is_the_score_on_all_its_rows(report):
    """Where rows were answered out of fold, the validation rows alone may say something else."""
    report["decision"]["scores"] = {MAJORITY: 0.61, LINEAR: 0.625}
    page = Page(report)
    found = page.figures_of_choice(candidate(report, MAJORITY), candidate(report, LINEAR))
    assert [float(figure.removesuffix(" %")) for figure in found] == pytest.approx([61, 62.5], abs=0.6)


def test_one_line_on_the_cheaper_and_one_on_the_better(report):
    cheaper, better = why_not(Page(report))
    assert cheaper.startswith("Why not the cheaper majority.v1")
    assert "82.1 points worse on the test rows" in cheaper
    assert "they show it (adjusted p < 0.001)" in cheaper
    assert better == "Why not a better one? No other candidate has a better accuracy on the test rows."


def test_one_that_is_both_has_one_line(report):
    choose(report, MAJORITY, chance_worse=0.3)
    candidate(report, MAJORITY)["latency_ms"]["mean"] = 50.0
    (line,) = why_not(Page(report))
    assert line.startswith("Why not tfidf_linear.v1, which is cheaper")
    assert (
        "0.4 points better on the test rows [−0.3, +1.2], which do not show a difference (adjusted p = 0.40)"
        in line
    )


def test_rows_that_one_did_not_answer_are_no_ground_for_a_figure(report):
    report["decision"]["scores"] = {MAJORITY: 0.5}
    candidates = candidate(report, MAJORITY), candidate(report, LINEAR)
    shown = Page(report).figures_of_choice(*candidates)
    report["decision"]["scores"] = {}
    assert shown == Page(report).figures_of_choice(*candidates)
