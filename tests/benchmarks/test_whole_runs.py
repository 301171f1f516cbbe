"""Comparing whole runs on columns: rows with their images, kept models, paired answers, and single rows in turn."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
ICONS = ROOT / "examples" / "titled_icons"
MOST = {"train": 60, "validation": 20, "test": 20}


@pytest.fixture(autouse=True)
def from_the_project(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def test_images_lie_where_the_rows_name_them_and_nothing_is_in_two_parts(tmp_path):
    from benchmarks.peers import pictures

    parts = pictures.write_rows(tmp_path, ICONS, reads=("text", "image"), most=MOST, seed=0)
    rows = {name: pictures.read_csv(Path(path)) for name, path in parts.items()}
    assert all((tmp_path / row["image"]).is_file() for some in rows.values() for row in some)
    images = [row["image"] for some in rows.values() for row in some]
    assert len(images) == len(set(images))
    assert {row["label"] for row in rows["test"]} == {row["label"] for row in rows["train"]}


def test_a_side_sees_only_its_columns(tmp_path):
    from benchmarks.peers import pictures

    parts = pictures.write_rows(tmp_path, ICONS, reads=("text",), most=MOST, seed=0)
    assert list(pictures.read_csv(Path(parts["test"]))[0]) == ["text", "label"]
    assert not (tmp_path / "images").exists()


def test_ours_is_judged_against_each_other_side_on_the_same_rows():
    from benchmarks.peers.judging import judge

    truth = list("ab" * 50)
    found = judge(truth, {"worse": ["a"] * 100, "same": truth, "ours": truth}, "ours")
    assert found["over"]["worse"]["difference"] == pytest.approx(0.5)
    assert found["over"]["worse"]["verdict"] == "a is better"
    assert found["over"]["same"]["verdict"] == "no difference shown"
    assert found["interval_95"]["worse"][0] < 0.5 < found["interval_95"]["worse"][1]


PROGRAM = """
import sys, time
from benchmarks.peers.task import Task
from benchmarks.peers.whole_runs import answer_rows
def load():
    print("what a library says")
    return {"quick": lambda row: None, "slow": lambda row: time.sleep(0.003)}
answer_rows(Task.asked(), load)
"""


def test_sides_are_asked_in_turn_and_one_that_fails_is_said(tmp_path, monkeypatch):
    import json

    from benchmarks.peers import one_row

    (tmp_path / "test.csv").write_text("text,label\nhello,a\nyes,b\n", encoding="utf-8")
    names = ("train", "validation", "test", "base")
    (tmp_path / "task.json").write_text(json.dumps({name: str(tmp_path / "test.csv") for name in names}))
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    commands = {
        "works": [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "task.json"), "rows"],
        "fails": [sys.executable, "-c", "raise SystemExit('no such model')"],
    }
    found = one_row.measure(commands, {"PYTHONPATH": str(ROOT)}, tmp_path)
    assert found["fails"] == {"failed": "no such model"}
    ways = found["works"]["ways"]
    assert ways["quick"]["rows"] == one_row.TURNS * one_row.ROWS_A_TURN >= 50
    assert ways["quick"]["clock_ms"] < 3 <= ways["slow"]["clock_ms"]
    assert ways["slow"]["processor_ms"] < ways["slow"]["clock_ms"]
    assert found["works"]["peak_memory_mb"] > 5


def test_a_whole_run_of_ours_is_kept_judged_and_asked_row_by_row(tmp_path):
    from benchmarks.peers import compare

    suite = compare.Suite({}, data="titled_icons", reads=("text",), validation_rows=20, test_rows=20)
    place = compare.Place(tmp_path, tmp_path / "none", 120)
    side = compare.Side("ours_run", {"budget": "10m", "candidates": ["tfidf_linear.v1"]})
    task = compare.write_rows(tmp_path, suite, 60, seed=0, data=ROOT / "examples") | {"threads": 1, "seed": 0}
    asked = compare.task_of(side, task, suite, place)
    found = compare.run(side, asked, place)
    assert "failed" not in found, found
    assert found["recommended"] == "tfidf_linear.v1"
    right = np.array(found["answers"]) == [
        row["label"] for row in compare.pictures.read_csv(tmp_path / "test.csv")
    ]
    assert found["accuracy"] == pytest.approx(right.mean(), abs=1e-4)
    compare.add_judgement({"ours": found}, {"ours": side}, {"ours": asked}, place)
    assert found["interval_95"][0] <= found["accuracy"] <= found["interval_95"][1]
    assert 0 < found["one_row"]["ways"]["predict"]["processor_ms"] < 1000


def test_a_command_names_no_folder_of_this_machine():
    from benchmarks.peers.compare import command_said

    said = command_said(["titles", "--data", "/home/me/data", "--rounds", "1", "--folder", "/tmp/venvs"])
    assert said == "python -m benchmarks.peers.compare titles --data DATA --rounds 1 --folder FOLDER"
