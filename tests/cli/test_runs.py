"""`metier runs` and `metier methods`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metier.cli import program
from metier.runs.run_folder import RunFolder


@pytest.fixture
def ask(capsys, monkeypatch, small_runs, tmp_path):
    """Call metier in a folder that has copies of both runs, and of one that was interrupted."""
    shutil.copytree(small_runs / "runs", tmp_path / "runs", symlinks=True)
    shutil.copytree(tmp_path / "runs" / "en", tmp_path / "runs" / "stopped", symlinks=True)
    (tmp_path / "runs" / "stopped" / "report.json").unlink()
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / "notes" / "settings.yaml").write_text("mine: true\n")
    monkeypatch.chdir(tmp_path)

    def call(*args, code=0):
        assert program.run([*map(str, args)]) == code
        shown = capsys.readouterr()
        return shown.out if code == 0 else shown.err

    return call


def test_runs_are_listed_with_what_came_out(ask):
    found = {one["run"]: one for one in json.loads(ask("runs", "list", "--json"))}
    assert set(found) == {"runs/en", "runs/zh", "runs/stopped"}
    assert found["runs/zh"]["recommended"] == "tfidf_linear.v1"
    assert not found["runs/stopped"]["finished"]
    assert found["runs/stopped"]["candidates_done"] == ["majority.v1", "tfidf_linear.v1"]
    shown = ask("runs", "list")
    assert "unfinished, 2 candidates done; go on: metier train --resume runs/stopped" in shown
    assert ask("runs", "list", "runs") == shown


def test_a_folder_without_runs_and_one_that_is_not_there(ask, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    assert "There is no run in empty" in ask("runs", "list", "empty")
    assert "There is no folder away" in ask("runs", "list", "away", code=2)
    monkeypatch.chdir(tmp_path / "empty")
    assert "There is no run in runs. Begin one" in ask("runs", "list")


def test_a_run_is_shown_as_training_ended(ask):
    shown = ask("runs", "show", "zh")  # By its name below the folder of runs, too.
    assert shown.startswith("ship   tfidf_linear.v1: ")
    assert "report runs/zh/report.html" in shown
    assert "go on: metier train --resume runs/stopped" in ask("runs", "show", "runs/stopped")
    assert "Did you mean 'zh'" in ask("runs", "show", "zhh", code=2)


def test_runs_on_the_same_test_rows_are_tested_in_pairs(ask):
    shutil.copytree("runs/en", "runs/worse", symlinks=True)
    path = Path("runs/worse/report.json")
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"recommended": "majority.v1"}), "utf-8")
    Path("runs/worse/best").unlink()
    Path("runs/worse/best").symlink_to("candidates/majority.v1")
    facts = json.loads(ask("runs", "compare", "runs/worse", "runs/en", "--json"))
    (one,) = facts["comparisons"]
    assert (one["a"], one["b"]) == ("runs/en", "runs/worse")
    scores = {each["run"]: each["test"]["accuracy"]["value"] for each in facts["runs"]}
    assert one["difference"] == pytest.approx(scores["runs/en"] - scores["runs/worse"])
    assert one["p_value"] < 0.001
    shown = ask("runs", "compare", "runs/worse", "runs/en")
    assert "runs/en is better than runs/worse: accuracy +" in shown
    assert "], p < 0.001" in shown


def test_runs_that_cannot_be_tested_in_pairs_say_why(ask):
    assert "no paired test: runs/en and runs/zh have different test rows" in ask(
        "runs", "compare", "runs/en", "runs/zh"
    )
    assert "takes two or more runs" in ask("runs", "compare", "runs/en", code=2)
    assert "--resume runs/stopped" in ask("runs", "compare", "runs/en", "runs/stopped", code=1)


def test_a_run_is_removed_only_when_told_and_nothing_else_ever(ask, tmp_path):
    assert "Add --yes" in ask("runs", "remove", "runs/en", code=2)
    assert "is not a run" in ask("runs", "remove", "runs/en", "runs/notes", "--yes", code=2)
    assert "is not a run" in ask("runs", "remove", ".", "--yes", code=2)
    assert (tmp_path / "runs" / "en").is_dir()
    assert "removed runs/en, runs/stopped" in ask("runs", "remove", "runs/en", "runs/stopped", "--yes")
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["notes", "zh"]


def test_a_folder_with_a_settings_file_is_not_overwritten_as_a_run(ask, tmp_path):
    shown = ask("train", "rows.csv", "--run", "runs/notes", "--overwrite", code=2)
    assert "It is not a run, so it stays" in shown
    assert (tmp_path / "runs" / "notes" / "settings.yaml").exists()


def test_methods_of_a_task(ask):
    found = {one["name"]: one for one in json.loads(ask("methods", "--task", "tagging", "--json"))}
    assert found["crf.v1"]["suits"]
    assert found["crf.v1"]["default_of"] == ["ner"]
    assert found["crf.v1"]["cost"] == "seconds"
    assert "tfidf_linear.v1" not in found
    shown = ask("methods", "--task", "ner")
    assert "crf.v1 *" in shown
    assert "conditional random field" in shown
    assert "Did you mean 'ner'" in ask("methods", "--task", "nre", code=2)


def test_one_method_is_shown_with_its_settings(ask):
    shown = ask("methods", "tfidf_linear")
    assert shown.startswith("tfidf_linear.v1: Word and character n-grams")
    assert "cost   seconds" in shown
    assert "unasked: classification" in shown
    assert "most_ngrams (a whole number above 0, default=250000)" in shown
    assert {"name", "kind", "meaning"} == set(json.loads(ask("methods", "crf", "--json"))["settings"][0])
    assert "Did you mean 'tfidf_linear.v1'?" in ask("methods", "tfidf_liner", code=2)


def test_methods_are_listed_without_importing_one():
    code = (
        "import sys; from metier.cli import program; program.run(sys.argv[1:]); print('torch' in sys.modules)"
    )
    for args in ([], ["--task", "classification"], ["encoder"]):
        done = subprocess.run(
            [sys.executable, "-c", code, "methods", *args], capture_output=True, text=True, check=True
        )
        assert "encoder.v1" in done.stdout
        assert done.stdout.endswith("False\n")


def test_a_run_that_holds_a_pipe_does_not_hide_other_runs(ask):
    Path("runs/en/report.json").unlink()
    os.mkfifo("runs/en/report.json")
    shown = ask("runs", "list")
    assert "runs/en/report.json is a named pipe" in shown
    assert "runs/zh" in shown


def test_an_unfinished_run_whose_settings_are_a_pipe_is_listed_as_damaged(ask):
    Path("runs/stopped/settings.yaml").unlink()
    os.mkfifo("runs/stopped/settings.yaml")
    shown = ask("runs", "list")
    assert "runs/stopped/settings.yaml is a named pipe" in shown
    assert "runs/zh" in shown
    assert "is a named pipe" in ask("runs", "show", "runs/stopped", code=1)


@pytest.mark.parametrize("content", ["", '{"task": "cl', "{}", "[]"])
def test_a_damaged_report_is_told_and_does_not_hide_other_runs(ask, content):
    Path("runs/en/report.json").write_text(content)
    found = {one["run"]: one["finished"] for one in json.loads(ask("runs", "list", "--json"))}
    assert found == {"runs/en": False, "runs/zh": True, "runs/stopped": False}
    told = "runs/en/report.json is damaged"
    assert "damaged report" in ask("runs", "list")
    assert f"{told}: " in ask("runs", "list")
    assert "Remove that file" in ask("runs", "show", "runs/en", code=1)
    assert told in ask("report", "runs/en", code=1)
    ask("runs", "show", "runs/en", "--json", code=1)
    assert told in ask("runs", "compare", "runs/zh", "runs/en", code=1)
    assert told in ask("train", "--resume", "runs/en", code=1)


@pytest.mark.parametrize("content", [": : {", "- a\n", ""])
def test_a_run_with_damaged_settings_is_listed_and_can_be_removed(ask, content):
    Path("runs/stopped/settings.yaml").write_text(content)
    assert "runs/stopped" in ask("runs", "list")
    assert "is unfinished" in ask("runs", "show", "runs/stopped")
    assert "removed runs/stopped" in ask("runs", "remove", "runs/stopped", "--yes")


def test_a_run_behind_a_link_is_replaced_where_it_lies(tmp_path):
    first = RunFolder.create(tmp_path / "run", name="first")
    first.write_text("settings.yaml", "{}\n")
    (tmp_path / "link").symlink_to("run")
    RunFolder.create(tmp_path / "link", name="second", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert sorted(one.name for one in (tmp_path / "run").iterdir()) == ["answers", "candidates"]
