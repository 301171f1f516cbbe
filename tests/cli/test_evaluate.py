"""`metier evaluate` on small runs: figures are held against sklearn's and the run's own report."""

import csv
import io
import json

import pytest
from sklearn.metrics import accuracy_score, f1_score

from metier.bundles import load_bundle
from metier.cli import program
from metier.data.output_files import held_output


@pytest.fixture
def run(capsys):
    def call(*args, code=0):
        assert program.run(["evaluate", *map(str, args)]) == code
        return capsys.readouterr()

    return call


def records_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written(path, records):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_figures_of_test_rows_are_those_of_the_report(run, small_runs, language):
    shown = run(small_runs / "runs" / language, small_runs / f"{language}-test.csv", "--json")
    facts = json.loads(shown.out)
    report = json.loads((small_runs / "runs" / language / "report.json").read_text("utf-8"))
    chosen = next(one for one in report["candidates"] if one["name"] == report["recommended"])
    assert facts["metrics"] == chosen["test"]
    assert facts["roles"] == {"text": "message", "label": "intent"}
    assert any("the test rows of the model's own run" in note for note in facts["notes"])
    assert facts["differences"] == {}


def test_other_rows_are_compared_with_the_test_rows(run, small_runs, tmp_path):
    rows = records_of(small_runs / "zh-test.csv")[::2]
    ways = ["网页" if number % 3 else "手机" for number in range(len(rows))]
    file = written(tmp_path / "new.csv", [{**row, "from": way} for row, way in zip(rows, ways, strict=True)])
    shown = run(small_runs / "runs" / "zh", file, "--by", "from", "--output", tmp_path / "facts.json")
    facts = json.loads((tmp_path / "facts.json").read_text("utf-8"))
    predicted = load_bundle(small_runs / "runs" / "zh").predict([row["message"] for row in rows]).predicted
    truth = [row["intent"] for row in rows]
    assert facts["metrics"]["accuracy"]["value"] == pytest.approx(accuracy_score(truth, predicted))
    assert facts["metrics"]["macro_f1"]["value"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    difference = facts["differences"]["accuracy"]
    assert difference["value"] == pytest.approx(
        facts["metrics"]["accuracy"]["value"] - facts["reference"]["accuracy"]["value"]
    )
    assert difference["low"] < 0 < difference["high"]
    assert "not shown to differ from the test rows of its run" in shown.out
    parts = {part["value"]: part for part in facts["parts"]}
    assert parts["手机"]["rows"] == ways.count("手机")
    assert "手机" in shown.out
    assert "医学" in shown.out
    assert run(small_runs / "runs" / "zh", file, "--output", tmp_path / "facts.json", code=2).err.startswith(
        f"{tmp_path / 'facts.json'} exists already. Add --overwrite"
    )


def test_labels_that_the_model_does_not_know_are_said_and_count_as_wrong(run, small_runs, tmp_path):
    rows = records_of(small_runs / "en-test.csv")[:40]
    changed = [{**row, "intent": "lost_card"} if number < 4 else row for number, row in enumerate(rows)]
    known = json.loads(run(small_runs / "runs" / "en", written(tmp_path / "a.csv", rows[4:]), "--json").out)
    shown = run(small_runs / "runs" / "en", written(tmp_path / "b.csv", changed))
    assert (
        "4 of 40 rows have labels that the model does not know ('lost_card'), the first in row 1" in shown.err
    )
    facts = json.loads(run(small_runs / "runs" / "en", tmp_path / "b.csv", "--json").out)
    right = round(known["metrics"]["accuracy"]["value"] * 36)
    assert facts["metrics"]["accuracy"]["value"] == pytest.approx(right / 40)
    assert "log_loss" not in facts["metrics"]
    assert {one["label"]: one["rows"] for one in facts["detail"]["per_label"]}["lost_card"] == 4


def test_figures_that_another_process_writes_are_left_to_it(run, small_runs, tmp_path, monkeypatch):
    """It is said before the rows are measured, which may take long."""
    monkeypatch.delattr("metier.cli.evaluate.measured")
    file = tmp_path / "facts.json"
    with held_output(file):
        shown = run(small_runs / "runs" / "en", small_runs / "en-test.csv", "--output", file, code=1)
    assert f"{file} is in use by process" in shown.err


def test_rows_of_another_task_are_refused(run, small_runs, tmp_path):
    """No answer could be right: 0.0 % would say something about the rows, not about the model."""
    rows = [
        {**row, "intent": f"z{number % 3}"} for number, row in enumerate(records_of(small_runs / "en-test.csv"))
    ]
    shown = run(small_runs / "runs" / "en", written(tmp_path / "other.csv", rows), code=1)
    assert "rows have labels that the model does not know ('z0', 'z1', 'z2')" in shown.err
    assert "none could be right. Evaluate rows of the task classification with its labels" in shown.err


def test_columns_of_other_names_are_inferred_or_named(run, small_runs, tmp_path):
    rows = [
        {"text": row["message"], "label": row["intent"], "second": row["intent"]}
        for row in records_of(small_runs / "en-test.csv")
    ]
    file = written(tmp_path / "other.csv", rows)
    bundle = small_runs / "runs" / "en" / "tfidf_linear.v1"
    assert json.loads(run(bundle, file, "--json").out)["roles"] == {"text": "text", "label": "label"}
    assert json.loads(run(bundle, file, "--label", "second", "--json").out)["roles"]["label"] == "second"
    assert "no column 'thrid'" in run(bundle, file, "--label", "thrid", code=2).err
    assert "no column 'form'" in run(bundle, file, "--by", "form", code=2).err


def test_rows_without_a_label_are_refused_or_left_out(run, small_runs, tmp_path):
    rows = records_of(small_runs / "en-test.csv")[:30]
    rows[3]["intent"] = ""
    file = written(tmp_path / "gaps.csv", rows)
    assert "--drop-unlabelled" in run(small_runs / "runs" / "en", file, code=1).err
    shown = run(small_runs / "runs" / "en", file, "--drop-unlabelled")
    assert "left out 1 row without a label" in shown.err
    assert "29 rows" in shown.out


def test_rows_that_are_answered_worse_are_named(run, small_runs, tmp_path):
    rows = records_of(small_runs / "en-test.csv")
    hard = [{**row, "message": "qwerty", "from": "scanner"} for row in rows[-40:]]
    file = written(tmp_path / "mixed.csv", [*({**row, "from": "web"} for row in rows), *hard])
    shown = run(small_runs / "runs" / "en", file)
    assert "weak   from = scanner: accuracy " in shown.out
    assert "weak   texts of 6 to 6 characters: accuracy " in shown.out
    assert "from = web" not in shown.out


def test_a_column_of_times_or_splits_is_nothing_here(run, small_runs, tmp_path):
    rows = [
        {**row, "date": "2026-01-02", "split": "train"} for row in records_of(small_runs / "en-test.csv")[:40]
    ]
    shown = run(small_runs / "runs" / "en", written(tmp_path / "dated.csv", rows))
    assert "held out" not in shown.err
    assert "40 rows" in shown.out


def test_where_the_figures_go_is_checked_before_rows_are_answered(run, small_runs, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_bytes((small_runs / "en-test.csv").read_bytes())
    faults = {
        "": "is a folder, not a file",
        tmp_path / "missing" / "out.json": "there is no folder",
        rows: "whose rows are measured",
        tmp_path / ("a" * 300): "longer than files can have",
    }
    for output, sentence in faults.items():
        code = 1 if "missing" in str(output) else 2
        shown = run(small_runs / "runs" / "en", rows, "--output", output, "--overwrite", code=code)
        assert sentence in shown.err
        assert "answering" not in shown.err
    assert rows.read_bytes() == (small_runs / "en-test.csv").read_bytes()


def test_rows_come_from_stdin_and_figures_go_to_stdout(run, small_runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sent = (small_runs / "en-test.csv").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sent)))
    shown = run(small_runs / "runs" / "en", "-", "--output", "-")
    facts = json.loads(shown.out)
    assert facts["origin"] == "standard input"
    assert f"on {facts['rows']} rows of standard input" in shown.err
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sent)))
    shown = run(small_runs / "runs" / "en", "-", "--lang", "zh")
    assert "在 标准输入 的" in shown.out
    assert "would both write" in run(small_runs / "runs" / "en", "-", "--output", "-", "--json", code=2).out
