"""`metier check --fix`: a corrected copy and a log of every change."""

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from metier.cli.check import check
from metier.data import read
from metier.data.reading import read_table
from metier.errors import MetierError

EXAMPLES = Path(__file__).parents[2] / "examples"
MARKED = [
    {"text": "Ada lived in London.", "spans": [[12, 19, "LOC"]], "n": 1},
    {"text": "itâ€™s Bob in Paris", "spans": [[7, 10, "PER"], [14, 19, "LOC"]], "n": 2},
    {"text": "浣犲ソ，王小明住在北京", "spans": [[4, 7, "PER"], [9, 11, "LOC"]], "n": 3},
    {"text": "王小明住在北\u200b京市", "spans": [[0, 3, "PER"], [5, 9, "LOC"]], "n": 4},
]


def run(*words, code=None):
    done = CliRunner().invoke(check, list(map(str, words)), catch_exceptions=False)
    assert code is None or done.exit_code == code, done.output
    return done


def lines_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def marked(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in MARKED), "utf-8")
    return path


def test_marks_are_right_in_the_copy_and_the_file_stays(marked, tmp_path):
    before = marked.read_bytes()
    run(marked, "--fix", tmp_path / "fixed.jsonl", code=1)
    assert marked.read_bytes() == before
    rows = read(tmp_path / "fixed.jsonl")  # Without repair.
    marks = [
        [text[start:end] for start, end, _ in spans]
        for text, spans in zip(rows.texts, rows.values("spans"), strict=True)
    ]
    assert marks == [["London"], ["Bob", "Paris"], ["王小明", "北京"], ["王小明", "北\u200b京市"]]
    assert rows.texts[1] == "it’s Bob in Paris"
    assert rows.texts[2] == "你好，王小明住在北京"
    assert lines_of(tmp_path / "fixed.jsonl")[0]["n"] == 1


def test_every_change_is_in_the_log_with_its_rule(marked, tmp_path):
    shown = run(marked, "--fix", tmp_path / "fixed.jsonl").output
    log = lines_of(tmp_path / "fixed.jsonl.changes.jsonl")
    assert log == [
        {
            "row": 1,
            "column": "spans",
            "before": '[[12, 19, "LOC"]]',
            "after": '[{"start": 13, "end": 19, "label": "LOC"}]',
            "rule": "spans that begin or end with a space",
        },
        {"row": 2, "column": "text", "before": "â€™", "after": "’", "rule": "mojibake"},
        {"row": 3, "column": "text", "before": "浣犲ソ", "after": "你好", "rule": "mojibake"},
    ]
    assert "3 values changed, 0 rows left out" in shown
    assert "1 change left out" in shown  # Inside 北​京市.
    assert f"next: metier check {tmp_path / 'fixed.jsonl'}" in shown.replace("'", "")


def test_rows_that_nothing_can_fix_are_left_out_and_logged(tmp_path):
    answer = {"text": "London", "start": 13}
    rows = [{"context": "Ada lived in London.", "question": f"Where {n}?", "answers": [answer]} for n in "abc"]
    rows.insert(1, {"context": "Bob lived.", "question": "Where?", "answers": [{"text": "Paris", "start": 3}]})
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run(path, "--fix", tmp_path / "fixed.jsonl", code=1)
    assert [row["question"] for row in lines_of(tmp_path / "fixed.jsonl")] == [
        "Where a?",
        "Where b?",
        "Where c?",
    ]
    (line,) = lines_of(tmp_path / "fixed.jsonl.changes.jsonl")
    assert (line["row"], line["after"]) == (2, None)
    assert line["rule"].startswith("row removed: answers ")


def test_labels_stay_unless_their_change_is_asked_for(tmp_path):
    table = read(EXAMPLES / "banking77" / "train.csv")
    texts, labels = list(table.texts), list(table.labels)
    wrong = [place for place, label in enumerate(labels) if label == "card_arrival"][:3]
    for place in wrong:
        labels[place] = "exchange_rate"
    path, fixed = tmp_path / "rows.csv", tmp_path / "fixed.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts, labels, strict=True)])
    run(path, "--fix", fixed)
    assert read(fixed).labels == labels
    assert lines_of(tmp_path / "fixed.csv.changes.jsonl") == []
    run(path, "--fix", fixed, "--fix-labels", "--overwrite")
    log = lines_of(tmp_path / "fixed.csv.changes.jsonl")
    found = [line for line in log if line["row"] - 1 in wrong]
    assert found
    assert {(line["before"], line["after"]) for line in found} == {("exchange_rate", "card_arrival")}
    assert {line["rule"] for line in log} == {"label-errors"}
    changed = {
        place: label
        for place, (label, old) in enumerate(zip(read(fixed).labels, labels, strict=True))
        if label != old
    }
    assert changed == {line["row"] - 1: line["after"] for line in log}


def test_other_columns_and_types_are_kept(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('id,text,label\n007,"cafÃ©, now",a\n008,plain,b\n', "utf-8")
    run(path, "--fix", tmp_path / "fixed.csv")
    assert (tmp_path / "fixed.csv").read_text("utf-8").splitlines() == [
        "id,text,label",
        '007,"café, now",a',
        "008,plain,b",
    ]
    table, _ = read_table(tmp_path / "fixed.csv")
    assert table.column_names == ["id", "text", "label"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--fix-labels"], "--fix OUTPUT"),
        (["--overwrite"], "--fix OUTPUT"),
        (["--fix", "{file}"], "exists already"),
        (["--fix", "{file}", "--overwrite"], "is the file that is checked"),
        (["--fix", "{folder}/no/where.csv"], "Could not write"),
        (["--fix", "{folder}/out.csv", "--repair"], "Leave --repair out"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(marked, tmp_path, words, told):
    before = marked.read_bytes()
    words = [word.format(file=marked, folder=tmp_path) for word in words]
    with pytest.raises(MetierError, match=re.escape(told)):
        run(marked, *words)
    assert marked.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
