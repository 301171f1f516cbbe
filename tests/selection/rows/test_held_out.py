"""Faults of held-out rows are met before anything is trained, and name the rows."""

from pathlib import Path

import pytest

from metier import train
from metier.audit import examine
from metier.data import read
from metier.errors import (
    DataError,
    EmptyDataError,
    InterruptedRunError,
    MissingLabelError,
    RareLabelError,
    TooFewLabelsError,
    UnknownLabelError,
)
from metier.selection.conduct import begin
from metier.selection.rows.preparation import Sources
from metier.selection.settings import check_settings
from metier.tasks.inputs.pair import PAIR

CASES = Path(__file__).parents[2] / "data" / "cases" / "test_rows_late"
CANDIDATES = ("majority.v1",)


def begun(source, test=None, **settings):
    said = []
    sources = Sources(source, test, None)
    run = begin(
        sources, check_settings({"candidates": CANDIDATES, **settings}), lambda one: said.append(one.what)
    )
    return run, said


def written(path, *lines):
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    return path


def test_a_label_that_training_has_not_is_named_with_its_row(tmp_path):
    test = written(tmp_path / "test.csv", "bill wrong again,b", "odd one,z")
    with pytest.raises(UnknownLabelError, match=r"1 of 2 rows .*\('z'\), in row 2\. .*--resume"):
        begun(CASES / "train.csv", test)
    with pytest.raises(UnknownLabelError):
        train(CASES / "train.csv", test=test, candidates=CANDIDATES, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_test_row_without_a_label_is_named_or_left_out(tmp_path):
    test = written(tmp_path / "test.csv", "bill wrong again,b", "odd one,")
    with pytest.raises(MissingLabelError, match="the first is row 2"):
        begun(CASES / "train.csv", test)
    run, _ = begun(CASES / "train.csv", test, data={"drop_unlabelled": True})
    assert len(run.prepared.splits.test) == 1
    assert any("left out 1 row of" in note for note in run.prepared.notes)


def test_an_unknown_label_among_several_counts_as_wrong():
    train_rows = [{"text": f"text {n}", "labels": ["a", "b"] if n % 2 else ["a"]} for n in range(40)]
    run, said = begun(
        train_rows, [{"text": "other", "labels": ["a", "new"]}], candidates=("label_frequencies.v1",)
    )
    (note,) = [note for note in run.prepared.notes if "'new'" in note]
    assert note.endswith("in row 1. They count as wrong.")
    assert note in said


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("equal_texts", DataError, "all 180 rows have the same text.*no test or validation part"),
        ("one_class", TooFewLabelsError, "'a' in 180 rows"),
        ("one_row_class", RareLabelError, "'z' has 1.*--keep-rare"),
        ("two_rows", RareLabelError, "'a' has 1, 'b' has 1"),
    ],
)
def test_rows_that_cannot_be_split_are_refused(name, error, words):
    with pytest.raises(error, match=words):
        begun(CASES / f"{name}.csv")


def test_one_group_is_a_finding_and_refused():
    rows = [{"text": f"text number {n}", "label": "ab"[n % 2], "session_id": "s1"} for n in range(30)]
    (finding,) = examine(read(rows)).find("inseparable-rows")
    assert finding.severity == "error"
    assert "one group (column session_id)" in finding.sentence
    with pytest.raises(DataError, match=r"one group .*--group none"):
        begun(rows)
    assert not examine(read(rows, group="none")).find("inseparable-rows")


def test_a_run_stopped_by_its_test_rows_goes_on_with_fixed_ones(tmp_path):
    test = written(tmp_path / "test.csv", "bill wrong again,b", "parcel is late,a")

    def stop(progress):
        if progress.what.endswith("predicting the test rows"):
            raise KeyboardInterrupt

    run = tmp_path / "run"
    settings = {"data": {"train": str(CASES / "train.csv"), "test": str(test)}, "candidates": CANDIDATES}
    with pytest.raises(InterruptedRunError, match="--resume"):
        train(settings=settings, budget="1m", run=run, listener=stop)
    written(test, "bill wrong again,b", "parcel is late,a", "login fails,c")
    assert train(resume=run).report["data"]["rows"]["test"] == 3


ROWS = [{"text": f"the card number {n}", "label": "ab"[n % 2]} for n in range(40)]


def test_rows_that_are_all_left_out_as_leaks_are_a_fault_of_the_call():
    with pytest.raises(EmptyDataError, match="--drop-leaks left out 40"):
        begun(ROWS, ROWS, data={"drop_leaks": True})


def test_a_task_of_pairs_on_rows_with_one_text_says_how_to_name_the_other():
    with pytest.raises(MissingLabelError, match="--role text_pair="):
        PAIR.from_rows(read(ROWS))


@pytest.mark.parametrize(
    ("leaking", "expected"),
    [(1, "left out 1 training row that also appears"), (2, "left out 2 training rows that also appear")],
)
def test_the_rows_left_out_are_counted_in_the_right_number(tmp_path, leaking, expected):
    lines = CASES.joinpath("train.csv").read_text(encoding="utf-8").splitlines()[1:]
    run, _ = begun(
        CASES / "train.csv", written(tmp_path / "test.csv", *lines[:leaking]), data={"drop_leaks": True}
    )
    assert any(expected in note for note in run.prepared.notes)
