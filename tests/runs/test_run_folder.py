import errno
from pathlib import Path

import numpy as np
import pytest

import metier
from metier.errors import CallError, StorageError
from metier.runs.run_folder import Entry, RunFolder
from metier.runs.stored_answers import StoredAnswers


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "run", name="rows")


def test_an_entry_comes_back_as_it_was(run):
    entry = Entry("a.v1", train_seconds=1.5, params={"C": 2.0}, members=["b.v1"])
    assert run.entry("a.v1") is None
    run.save_entry(entry)
    assert run.entry("a.v1") == entry


def test_answers_come_back(run):
    probabilities = np.array([[0.25, 0.75], [1.0, 0.0]])
    run.save_answers("a.v1", "validation", StoredAnswers(["a", "b"], probabilities, []))
    np.testing.assert_array_equal(run.probabilities("a.v1", "validation"), probabilities)
    assert run.answers("a.v1", "validation").predicted == ["a", "b"]


def test_answers_that_are_no_labels_come_back(run):
    spans = StoredAnswers([[[0, 4, "Störung"]], []], None, [{"spans": [{"start": 0}]}, {"spans": []}])
    run.save_answers("crf.v1", "test", spans)
    assert run.answers("crf.v1", "test") == spans


def test_a_run_is_not_overwritten_unless_asked(run):
    run.settings_path.write_text("")
    with pytest.raises(CallError, match="--overwrite"):
        RunFolder.create(run.path, name="rows")
    run.log("old")
    RunFolder.create(run.path, name="rows", overwrite=True)
    assert not (run.path / "train.log").exists()


def test_a_folder_that_is_no_run_is_never_removed(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(CallError, match="it stays"):
        RunFolder.create(tmp_path, name="rows", overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(run, monkeypatch):
    run.write_text("report.html", "old")

    def full(self, text, **how):
        with self.open("w") as file:
            file.write(text[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="the disk is full"):
        run.write_text("report.html", "new")
    assert (run.path / "report.html").read_text() == "old"
    assert not list(run.path.glob(".*.partial"))


def test_best_points_at_the_last_one_named(run):
    for name in ("a.v1", "b.v1"):
        run.candidate(name).mkdir()
        run.point_best(name)
    assert (run.path / "best").resolve() == run.candidate("b.v1").resolve()


def test_a_folder_without_settings_is_no_run(tmp_path):
    with pytest.raises(CallError, match="not a run"):
        RunFolder.open(tmp_path)


def test_an_entry_says_which_rows_its_model_has_seen():
    assert Entry("a.v1").rows_seen == "train"
    assert Entry("a.v1", fraction=0.4).rows_seen == "40 % of train"
    assert Entry("a.v1", trained_on="train + validation").rows_seen == "train + validation"


def test_a_folder_that_is_taken_is_refused_before_the_rows_are_read(run):
    run.settings_path.write_text("")
    with pytest.raises(CallError, match="exists already"):
        metier.train("no-such-file.csv", run=run.path)
