"""A finished run in Python: opened again, shown, evaluated, resumed."""

import shutil

import pytest

import metier
from metier.errors import BundleError, CallError, MissingExtraError, SettingsError
from metier.evaluation.independent import difference_of_independent
from metier.evaluation.intervals import Interval
from metier.selection.api import Run


@pytest.fixture
def copied(small_runs, tmp_path):
    """A run of our own."""
    shutil.copytree(small_runs / "runs" / "en", tmp_path / "run", symlinks=True)
    return tmp_path / "run"


def files_of(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_a_finished_run_is_opened_as_it_was_left(small_runs):
    run = Run.open(small_runs / "runs" / "zh")
    assert run.recommendation.name == run.recommendation.best == "tfidf_linear.v1"
    assert str(run.recommendation) == run.report["recommendation"]
    assert run.candidate("majority").name == "majority.v1"
    assert run.best.predict(["急性心肌梗死患者的护理体会"]).predicted == ["医学"]


def test_a_leaderboard_is_a_data_frame(small_runs, monkeypatch):
    run = Run.open(small_runs / "runs" / "en")
    table = run.leaderboard()
    assert list(table.index) == [one["name"] for one in run.candidates]
    best = run.candidates[0]["test"]["accuracy"]
    assert table.loc["tfidf_linear.v1", ["accuracy", "accuracy_low", "accuracy_high"]].tolist() == [
        best["value"],
        best["low"],
        best["high"],
    ]
    assert (table["latency_ms"] > 0).all()
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"metier\[pandas\]"):
        run.leaderboard()


def test_a_notebook_shows_the_candidates(small_runs):
    page = Run.open(small_runs / "runs" / "en")._repr_html_()
    assert page.index("tfidf_linear.v1") < page.index("majority.v1")
    assert '<tr style="font-weight:bold"><td>tfidf_linear.v1</td>' in page
    assert "macro-F1" in page


def test_rows_in_memory_are_evaluated(small_runs):
    run = Run.open(small_runs / "runs" / "en")
    rows = [{"text": "When do I get my card?", "label": "card_arrival"}, {"text": "hello", "label": "new"}]
    found = run.evaluate(rows)
    assert found.metrics["accuracy"]["value"] == 0.5
    assert "'new'" in found.facts["notes"][-1]
    assert metier.evaluate(run.best, rows).metrics == found.metrics


def test_resuming_a_finished_run_touches_nothing(copied):
    before = files_of(copied)
    run = metier.train(resume=copied)
    assert run.report["recommended"] == "tfidf_linear.v1"
    assert files_of(copied) == before


def test_resuming_removes_the_lock_of_a_process_that_was_killed_after_the_run_was_finished(copied):
    before = files_of(copied)
    (copied / ".lock").write_text("{}")
    metier.train(resume=copied)
    assert files_of(copied) == before


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"source": "other.csv"}, "data.train is"),
        ({"budget": 7}, "budget_minutes is 2.0 there and 7.0 here"),
        ({"test": "other.csv"}, "metier evaluate"),
        ({"seed": 5}, "random_state is 0 there and 5 here"),
    ],
)
def test_what_a_resumed_run_would_not_heed_is_refused(copied, given, says):
    if "source" in given:
        given = {"settings": {"data": {"train": given["source"]}}}
    if "test" in given:
        given = {"settings": {"data": {"test": given["test"]}}}
    with pytest.raises(CallError, match=says):
        metier.train(resume=copied, **given)


def test_an_unfinished_run_says_how_to_go_on(copied):
    (copied / "report.json").unlink()
    with pytest.raises(BundleError, match="--resume"):
        Run.open(copied)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"thraeds": 2}, "takes no 'thraeds'. Did you mean 'threads'?"),
        ({"random_seed": 2}, "Did you mean 'random_state'?"),
        ({"lable": "x"}, "Did you mean 'data.label'?"),
        ({"candidate": ["majority"]}, "Did you mean 'candidates'?"),
    ],
)
def test_an_argument_that_is_none_names_the_nearest_and_is_no_role(given, says):
    with pytest.raises(CallError, match="train") as found:
        metier.train([("a", "b")], **given)
    assert says in str(found.value)


def test_arguments_are_settings_and_a_number_is_minutes(small_runs, tmp_path):
    run = metier.train(
        small_runs / "en-train.csv",
        budget=1.5,
        candidates="majority",
        seed=3,
        threads=1,
        test_fraction=0.3,
        refit=False,
        label="intent",
        run=tmp_path / "run",
    )
    settings = run.report["settings"]
    assert run.report["budget_seconds"] == 90
    assert (settings["random_state"], settings["threads"], settings["refit"]) == (3, 1, False)
    assert settings["data"]["test_fraction"] == 0.3
    with pytest.raises(SettingsError, match="threads"):
        metier.train(small_runs / "en-train.csv", threads=0)


def test_the_difference_of_two_independent_figures_is_that_of_newcombe():
    """56 of 70 and 48 of 80, with Wilson's intervals: the example of Newcombe, 1998 (method 10)."""
    first, second = Interval(0.8, 0.6917, 0.8772), Interval(0.6, 0.4905, 0.7003)
    found = difference_of_independent(first, second)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=2e-3)
