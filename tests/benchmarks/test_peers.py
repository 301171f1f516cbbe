"""The frame in which peers are compared: the same rows for all, ratios within a round, and reasons for what fails."""

import csv
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.peers.compare as module

    return module


@pytest.fixture
def task(compare, tmp_path):
    return compare.write_rows(tmp_path, compare.Suite({}, test_rows=300), 200, seed=0) | {
        "threads": 1,
        "seed": 0,
        "epochs": 1,
    }


def labels(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [row["label"] for row in csv.DictReader(file)]


def test_rounds_share_their_validation_and_every_label_can_be_learned(compare, tmp_path):
    first, second = (tmp_path / name for name in ("first", "second"))
    for seed, folder in enumerate((first, second)):
        folder.mkdir()
        compare.write_rows(folder, compare.Suite({}), 200, seed=seed)
    assert (first / "validation.csv").read_bytes() == (second / "validation.csv").read_bytes()
    assert (first / "train.csv").read_bytes() != (second / "train.csv").read_bytes()
    assert set(labels(first / "validation.csv")) <= set(labels(first / "train.csv"))
    held = set((first / "validation.csv").read_text("utf-8").splitlines()[1:])
    assert not held & set((first / "train.csv").read_text("utf-8").splitlines()[1:])


def test_so_many_rows_of_each_label_are_drawn(compare, tmp_path):
    compare.write_rows(tmp_path, compare.Suite({}, per_class=3), None, seed=0)
    found = labels(tmp_path / "train.csv")
    assert {found.count(label) for label in found} == {3}
    assert len(found) == 3 * 77


def test_few_labels_are_the_draws_of_the_other_benchmark(compare):
    from benchmarks.few_shot import draw_rows, read_split

    texts, labels = read_split("train")
    theirs = [texts[position] for position in draw_rows(labels, per_class=2, draw=1)]
    assert [row["text"] for row in compare.draw_per_class(2, 1)] == theirs


def test_ratios_are_of_one_row_and_one_round_and_leave_failures_out(compare):
    ours = [{"cpu_seconds": 2.0, "examples": 100}, {"cpu_seconds": 4.0, "examples": 100}]
    theirs = [{"cpu_seconds": 12.0, "examples": 200}, {"cpu_seconds": 8.0, "examples": 100}]
    runs = {"theirs": theirs, "broken": [{"failed": "no"}] * 2, "ours": ours}
    assert compare.ratios(runs, "ours") == {"theirs": {"median": 2.5, "rounds": [3.0, 2.0]}}


def test_a_side_runs_in_a_process_and_answers_the_test_rows(compare, task, tmp_path):
    side = compare.Side("ours", {"method": "tfidf_linear.v1", "arguments": {"model": "svc", "C": 1.0}})
    found = compare.run(side, task | {"options": side.options}, compare.Place(tmp_path, tmp_path / "none", 120))
    assert found["test_rows"] == 300
    assert found["accuracy"] > 10 / 77
    assert found["peak_memory_mb"] > 20
    assert found["history"][-1]["accuracy"] > 10 / 77
    assert found["examples_per_cpu_second"] == pytest.approx(200 / found["cpu_seconds"], rel=0.2)


def test_what_cannot_run_is_said(compare, task, tmp_path):
    missing = compare.run(compare.Side("setfit"), task, compare.Place(tmp_path, tmp_path / "none", 10))
    assert "make bench-peers PEERS=setfit" in missing["failed"]
    unknown = compare.Side("ours", {"method": "no_such_method.v1"})
    assert (
        "no_such_method.v1"
        in compare.run(unknown, task | {"options": unknown.options}, compare.Place(tmp_path, tmp_path, 60))[
            "failed"
        ]
    )


def test_the_meter_stands_still_while_stopped(compare):
    from benchmarks.peers.task import Meter

    meter = Meter()
    meter.go()
    begun = time.process_time()
    while time.process_time() - begun < 0.05:
        pass
    meter.stop()
    spent = meter.seconds
    begun = time.process_time()
    while time.process_time() - begun < 0.05:
        pass
    assert meter.seconds == spent >= 0.05
