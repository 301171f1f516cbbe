import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from metier.bundles.loading import Bundle
from metier.cli import answered_files, program
from metier.data import resumable_writing

BUNDLE = Path(__file__).parents[1] / "bundles" / "sealed_71959d8" / "linear.v1"
ROWS = 95


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(resumable_writing, "PART_ROWS", 20)
    monkeypatch.setattr(answered_files, "BATCH_ROWS", 10)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "id"), *((f"my card {n}\nnever came", n) for n in range(ROWS))])
    return path


@pytest.fixture
def stopped(monkeypatch):
    """Let the user stop a call while the rows after some are answered."""

    def stop(args, *, after):
        answer, asked = Bundle.predict, []

        def predict(self, items):
            asked.extend(items)
            if len(asked) > after:
                raise KeyboardInterrupt
            return answer(self, items)

        with monkeypatch.context() as patched:
            patched.setattr(Bundle, "predict", predict)
            return program.run(args)

    return stop


def asked_for(rows, output):
    return ["predict", str(BUNDLE), "--input", str(rows), "--output", str(output), "--text", "text"]


def read(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    lines = path.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_a_stopped_call_is_gone_on_with_and_each_row_is_answered_once(name, rows, stopped, tmp_path, capsys):
    whole, output = tmp_path / f"whole.{name}", tmp_path / name
    assert program.run(asked_for(rows, whole)) == 0
    assert stopped(asked_for(rows, output), after=50) == 130
    assert f"40 rows of {output} are done; the same call with --resume goes on" in capsys.readouterr().err
    assert not output.exists()
    assert program.run(asked_for(rows, output)) == 2
    assert "Add --resume to go on" in capsys.readouterr().err
    assert program.run([*asked_for(rows, output), "--resume", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["resumed_after"]) == (ROWS, 40)
    assert sum(facts["answered_by"].values()) == ROWS
    assert facts["columns"] == ["label", "probability", "answered_by"]
    assert read(output) == read(whole)


def test_it_says_that_it_went_on_also_in_chinese(rows, stopped, tmp_path, capsys):
    output = tmp_path / "out.csv"
    assert stopped([*asked_for(rows, output), "--lang", "zh"], after=50) == 130
    assert "已完成 40 条；同样的调用加 --resume" in capsys.readouterr().err
    assert program.run([*asked_for(rows, output), "--resume", "--lang", "zh"]) == 0
    assert "其中 40 条已完成" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["rows", "option", "bundle"])
def test_another_question_does_not_go_on(change, rows, stopped, tmp_path, capsys):
    output = tmp_path / "out.jsonl"
    assert stopped(asked_for(rows, output), after=50) == 130
    args = [*asked_for(rows, output), "--resume"]
    if change == "rows":
        rows.write_text(rows.read_text("utf-8") + "one more,1\n", "utf-8")
    if change == "option":
        args += ["--top", "2"]
    if change == "bundle":
        args[1] = str(BUNDLE.with_name("constant.v1"))
    assert program.run(args) == 2
    found = {"rows": "--input", "option": "an option", "bundle": "the bundle"}[change]
    assert f"was begun otherwise: {found} is another now" in capsys.readouterr().err


def test_what_has_no_parts_is_not_gone_on_with(rows, tmp_path, capsys):
    assert program.run([*asked_for(rows, tmp_path / "out.xlsx"), "--resume"]) == 2
    assert "Leave out --resume" in capsys.readouterr().err
    assert program.run(["predict", str(BUNDLE), "my card", "--resume"]) == 2


def test_resume_where_nothing_was_begun_answers_all(rows, tmp_path, capsys):
    assert program.run([*asked_for(rows, tmp_path / "out.jsonl"), "--resume"]) == 0
    assert "resumed after" not in capsys.readouterr().out
    assert len(read(tmp_path / "out.jsonl")) == ROWS
