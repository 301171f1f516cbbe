"""The page of results says what the paired tests of its runs say, and which rows the choices had."""

import copy
import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SMALL = json.loads((ROOT / "tests" / "report" / "small_report.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def results():
    specification = importlib.util.spec_from_file_location("results", ROOT / "scripts" / "results.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["results"] = module  # Its data classes look themselves up.
    specification.loader.exec_module(module)
    yield module
    del sys.modules["results"]


@pytest.fixture
def report():
    """A pretrained candidate was shipped; of the others one is traditional."""
    report = copy.deepcopy(SMALL)
    shipped = next(one for one in report["candidates"] if one["status"] == "trained")
    other = copy.deepcopy(shipped) | {"name": "average.v1"}
    report["candidates"] = [other, shipped | {"name": "encoder.v1"}, shipped | {"name": "tfidf_linear.v1"}]
    report["recommended"] = "encoder.v1"
    facts = {
        "difference": 0.012,
        "low": -0.004,
        "high": 0.028,
        "p_value": 0.21,
        "verdict": "no difference shown",
    }
    worse = {"difference": -0.01, "low": -0.02, "high": -0.002, "p_value": 0.02, "verdict": "b is better"}
    report["against"] = {"average.v1": worse, "tfidf_linear.v1": facts}
    return report


def test_overlapping_intervals_are_not_a_test(results, report):
    """Both intervals of the scores are the same here; only the paired test knows of a difference."""
    assert "No difference in accuracy is shown between `encoder.v1` and `tfidf_linear.v1`" in results.verdict(
        report
    )
    assert "+1.2 [−0.4, +2.8], p = 0.21" in results.verdict(report)
    shown = {"verdict": "a is better", "p_value": 0.0003, "low": 0.004}
    report["against"]["tfidf_linear.v1"] |= shown
    assert results.verdict(report) == (
        "`encoder.v1` has a better accuracy than `tfidf_linear.v1`: +1.2 [+0.4, +2.8], p < 0.001."
    )


def test_each_candidate_has_its_paired_difference(results, report):
    lines = results.section(results.SETS[0], report).splitlines()
    assert "| shipped minus this one |" in lines[4]
    assert len({line.count("|") for line in lines[4:]}) == 1
    (average,) = [line for line in lines if line.startswith("| `average.v1`")]
    assert "| −1.0 [−2.0, −0.2], p = 0.02 |" in average
    (shipped,) = [line for line in lines if "**shipped**" in line]
    assert "| – |" in shipped


def test_without_another_kind_the_best_other_one_is_compared(results, report):
    report["candidates"] = report["candidates"][:2]
    assert results.verdict(report).startswith("`average.v1` has a better accuracy than `encoder.v1`")
    report["candidates"] = report["candidates"][1:]
    assert results.verdict(report) == ""


def test_a_run_of_before_has_no_differences(results, report):
    del report["against"]
    assert results.verdict(report) == ""
    assert "| – |" in results.section(results.SETS[0], report)


def test_written_answers_are_chosen_on_hundreds_of_rows(results):
    most = [one.most["validation"] for one in results.SETS if one.most]
    assert len(most) == 3
    assert min(most) >= 300
