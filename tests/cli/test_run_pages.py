"""What the gate and the tests found of a run stands in its report, with what worries on the first screen."""

import json
import shutil

import pytest

from metier.cli import program

GATE, EDITED, GROUPS = 'id="gate"', 'id="behaviour"', 'id="fairness"'


@pytest.fixture
def place(small_runs, tmp_path):
    shutil.copytree(small_runs / "runs" / "en", tmp_path / "run", symlinks=True)
    shutil.copy(small_runs / "en-test.csv", tmp_path / "test.csv")
    return tmp_path


def page_of(place, name="report.html"):
    return (place / "run" / name).read_text("utf-8")


def test_a_gate_that_refuses_is_the_first_worry(place):
    (place / "policy.yaml").write_text("rows: test.csv\nconditions:\n  - accuracy >= 0.999\n", encoding="utf-8")
    assert GATE not in page_of(place)
    assert program.run(["gate", str(place / "run"), "--policy", str(place / "policy.yaml")]) == 1
    page = page_of(place)
    assert GATE in page
    assert "does not let it go live: accuracy &gt;= 0.999" in page
    assert program.run(["report", str(place / "run"), "--lang", "zh"]) == 0
    assert "上线门槛不允许它上线" in page_of(place, "report.zh.html")


def test_tests_are_kept_with_a_few_failed_cases(place, capsys):
    command = ["test", str(place / "run"), str(place / "test.csv"), "--only", "typos,case"]
    assert program.run(command) == 0
    kept = json.loads((place / "run" / "tests-behaviour.json").read_text("utf-8"))
    assert {one["name"] for one in kept["tests"]} == {"typos", "case"}
    assert all(
        len(one["cases"]) <= 3 and not any(case["passed"] for case in one["cases"]) for one in kept["tests"]
    )
    page = page_of(place)
    assert EDITED in page
    assert "invariance.<wbr>" in page or "invariance.typos" in page


def test_a_bundle_that_is_no_run_is_left_as_it_is(place, capsys):
    bundle = (place / "run" / "best").resolve()
    before = sorted(path.name for path in bundle.iterdir())
    assert program.run(["test", str(bundle), str(place / "test.csv"), "--only", "case"]) == 0
    assert sorted(path.name for path in bundle.iterdir()) == before
