"""Policies that no rows could keep, and figures that no rows give: a sentence, never a pass."""

import math
from xml.etree import ElementTree

import pytest

from metier.assurance.conditions import Condition
from metier.assurance.gate import GateResult, Judged
from metier.assurance.golden_rows import GoldenRow
from metier.assurance.junit import junit_xml
from metier.assurance.policy import Demand, Policy, read_policy
from metier.assurance.verdict import CANNOT_TELL, judge
from metier.cli.compared_pairs import conclusion, pair_lines
from metier.errors import CallError
from metier.evaluation.figure import Figure
from metier.report.release_tests import gate_section
from metier.report.section import Page
from metier.report.sentences import in_chinese
from metier.report.words import Words


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("version: 9\nconditions: [accuracy >= 0.5]\n", "version 9"),
        ("conditions: [accuracy >= 0.9, accuracy <= 0.8]\n", "which no value keeps"),
        ("conditions: [latency_ms.p95 <= 1e999]\n", "too large"),
        ("conditions: [accuracy >= 0.1]\nconditions: [ece <= 0.9]\n", "stands twice"),
    ],
)
def test_a_policy_that_says_two_things_is_refused(tmp_path, text, says):
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CallError, match=says) as found:
        read_policy(path)
    assert in_chinese(str(found.value)) != str(found.value)


def test_two_ends_of_a_range_are_no_contradiction(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("conditions: [size_mb >= 1, size_mb <= 5, accuracy.low >= 0.9, accuracy <= 0.8]", "utf-8")
    assert len(read_policy(path).demands) == 4


@pytest.fixture
def unmeasured(tmp_path):
    figure = Figure(math.nan, None, None, 0)
    demand = Demand(Condition.parse("fairness.sex.accuracy_difference <= 0.1", origin="x"))
    judged = Judged(demand, figure, judge(figure, "<=", 0.1, level=0.95), False)
    wrong = GoldenRow(1, "a\x00 text\x1b[2J", "one", "two")
    return GateResult(Policy(tmp_path / "p.yaml", "", (demand,)), (judged,), 0.95, 1, (wrong,))


def test_a_figure_that_no_rows_give_is_told_everywhere(unmeasured):
    [condition] = unmeasured.as_dict()["conditions"]
    assert condition["verdict"] == CANNOT_TELL
    assert condition["value"] is None
    for language in ("en", "zh"):
        section = gate_section(Page({"gate": unmeasured.as_dict()}, Words(language)))
        assert section["tables"][0]["rows"][0][2] == "–"


def test_junit_is_xml_whatever_stands_in_the_rows(unmeasured):
    suite = ElementTree.fromstring(junit_xml(unmeasured, subject="a.v1"))  # Written above.
    assert "too few rows" in suite[0][0].get("message")
    assert "a\ufffd text\ufffd[2J" in suite[1][0].text


def test_all_lines_of_a_pair_stand_the_way_of_the_first():
    kinds = {"accuracy": {"is_fraction": True}}
    part = {
        "by": "label",
        "column": None,
        "value": "x",
        "rows": 40,
        "metric": "accuracy",
        "verdict": "b is better",
    }
    part |= {"difference": -0.2, "low": -0.3, "high": -0.1, "p_value": 0.001}
    pair = {"a": "A", "b": "B", "outcome": "b is better", "difference": -0.1, "low": -0.2, "high": -0.05}
    pair |= {"p_value": 0.001, "is_within": False, "tolerance": 0.01, "within_low": -0.18, "within_high": -0.06}
    pair |= {"mcnemar": None, "folds": None, "flips": {"better": 3, "worse": 1}, "slices": [part]}
    lines = [conclusion(pair, kinds, "accuracy", is_adjusted=False)]
    lines += pair_lines(pair, kinds, "accuracy", verbose=False)
    assert "B is better than A: accuracy +10.0" in lines[0]
    assert "[+6.0, +18.0]" in lines[2]
    assert "B is better, accuracy +20.0 points [+10.0, +30.0]" in lines[3]
