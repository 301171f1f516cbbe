"""`metier drift`: rows like those of the run, rows that moved, and runs it says nothing of."""

import csv
import json

import pytest

from metier.cli import program


@pytest.fixture
def run(small_runs):
    return small_runs / "runs" / "en"


@pytest.fixture
def rows(small_runs):
    with (small_runs / "en-test.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def asked(capsys, *args, code):
    assert program.run(["drift", *map(str, args)]) == code
    return capsys.readouterr()


def test_rows_of_the_run_have_not_moved_and_are_as_right(run, rows, small_runs, capsys):
    found = json.loads(asked(capsys, run, small_runs / "en-test.csv", "--json", code=0).out)
    estimate = found["estimated_accuracy"]
    assert not found["has_drifted"]
    assert estimate["low"] <= found["reference"]["accuracy"] <= estimate["high"]
    assert sum(one["now"] for one in found["labels"]) == pytest.approx(1, abs=1e-6)


def test_other_texts_have_moved_with_the_words_that_did(run, rows, tmp_path, small_runs, capsys):
    key = next(name for name in rows[0] if rows[0][name] and " " in rows[0][name])
    strange = [{key: f"the weather over the hills is {n} degrees and rather windy"} for n in range(80)]
    file = written(tmp_path / "strange.csv", strange)
    args = (run, file, "--text", key, "--reference", small_runs / "en-test.csv")
    found = json.loads(asked(capsys, *args, "--json", code=1).out)
    assert found["has_drifted"]
    assert "weather" in {one["name"] for one in found["words"]}
    assert found["estimated_accuracy"]["value"] < found["reference"]["accuracy"]
    assert "moved away" in asked(capsys, *args, code=1).out
    assert "偏离" in asked(capsys, *args, "--lang", "zh", code=1).out


def test_too_few_rows_and_no_run_are_sentences(run, rows, tmp_path, capsys):
    few = written(tmp_path / "few.csv", rows[:5])
    assert "5 rows. Drift is told from 30" in asked(capsys, run, few, code=1).err
    assert "few.csv" in asked(capsys, few, few, code=2).err
