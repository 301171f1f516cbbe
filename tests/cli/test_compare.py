"""`metier compare` as it is typed: what it prints, writes and ends with."""

import csv
import json

import pytest

from metier.cli import program


@pytest.fixture
def ask(capsys, monkeypatch, tmp_path):
    rows = [{"id": n, "text": f"where is my card {n}", "label": "ab"[n % 2]} for n in range(200)]
    files = {
        "truth": rows,
        "good": [{"id": row["id"], "prediction": row["label"] if row["id"] % 25 else "c"} for row in rows],
        "bad": [{"id": row["id"], "prediction": row["label"] if row["id"] % 4 else "b"} for row in rows],
    }
    for name, records in files.items():
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows(records)
    monkeypatch.chdir(tmp_path)

    def call(*args, code=0):
        assert program.run(["compare", *map(str, args)]) == code
        return capsys.readouterr()

    return call


BOTH = ("good.csv", "bad.csv", "--truth", "truth.csv")


def test_the_conclusion_comes_first_and_then_its_evidence(ask):
    shown = ask(*BOTH)
    lines = shown.out.splitlines()
    assert lines[0].startswith("good.csv is better than bad.csv: accuracy +21.0 points [")
    assert lines[1] == "       on 200 rows of truth.csv"
    assert lines[0].endswith(", p < 0.001")
    assert "flips  bad.csv is better on 6 rows and worse on 48 than good.csv (--show)" in lines
    assert "good.csv: rows are matched by id (--match, --id)" in shown.err
    assert any(line.startswith("parts  label = a: good.csv is better") for line in lines)


def test_rows_that_changed_are_listed_with_the_truth_and_both_answers(ask):
    out = ask(*BOTH, "--show", "worse", "--most", 2).out
    assert "row 5  where is my card 4\n       right: a; good.csv: a; bad.csv: b\n" in out
    assert "… 46 more rows (--most, --output FILE for all)" in out
    better = ask(*BOTH, "--show", "better").out
    assert "right: b; good.csv: c; bad.csv: b" in better


def test_the_exit_code_is_zero_unless_it_is_asked_for(ask):
    ask(*BOTH)
    ask(*BOTH, "--fail-if-worse", code=1)
    ask("bad.csv", "good.csv", "--truth", "truth.csv", "--fail-if-worse")


def test_all_figures_go_to_a_file_and_as_one_line(ask, tmp_path):
    facts = json.loads(ask(*BOTH, "--json", "--output", "all.json").out)
    stored = json.loads((tmp_path / "all.json").read_text("utf-8"))
    assert stored == facts
    assert len(facts["comparisons"][0]["flips"]["listed"]) == 54
    assert "exists already. Add --overwrite" in ask(*BOTH, "--output", "all.json", code=2).err


def test_a_tolerance_makes_equivalent_and_few_rows_need_more(ask):
    same = ask("good.csv", "truth.csv", "--truth", "truth.csv", "--tolerance", 10).out
    assert same.startswith("truth.csv is better than good.csv: accuracy +4.0 points [")
    assert ", by less than ±10 points" in same.splitlines()[0]
    out = ask("good.csv", "truth.csv", "--truth", "truth.csv", "--metric", "macro_f1").out
    assert "macro-F1" in out.splitlines()[0]


def test_in_chinese_nothing_is_left_in_english(ask):
    shown = ask(*BOTH, "--lang", "zh", "--show", "worse", "--most", 1)
    assert shown.out.startswith("good.csv 好于 bad.csv：准确率 +21.0 个百分点")
    assert "按 id 匹配样本" in shown.err
    assert "正确：a；good.csv：a；bad.csv：b" in shown.out


def test_what_is_wrong_is_said_with_the_cure(ask, tmp_path):
    assert "give the file of labelled rows with --truth FILE" in ask("good.csv", "bad.csv", code=2).err
    assert "There is nothing at god.csv" in ask("god.csv", "bad.csv", "--truth", "truth.csv", code=2).err
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04.")
    assert "metier.adapt(model" in ask("model.pkl", "bad.csv", "--truth", "truth.csv", code=1).err
    assert "--overwrite is for the file of --output" in ask(*BOTH, "--overwrite", code=2).err
