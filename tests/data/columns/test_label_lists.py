import json

import pytest

from metier.data import open_writer, read, read_alike
from metier.errors import CallError, DataError, MissingLabelError
from metier.tasks.task_table import infer_task

TEXTS = [f"the text of row {number}" for number in range(40)]


def put(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def labelled(labels, column="labels"):
    return [{"text": text, column: each} for text, each in zip(TEXTS, labels * 40, strict=False)]


def test_real_lists_of_labels_with_rows_that_have_none(examples):
    path = examples / "sgd_dialogues/acts/train.jsonl"
    rows = read(path)
    raw = [json.loads(line)["labels"] for line in path.read_text().splitlines()]
    assert rows.values("labels") == raw
    assert raw.count([]) > 100
    assert infer_task(rows)[0] == "multi_label"


@pytest.mark.parametrize(
    ("labels", "separator"),
    [
        (["a|b", "a", "b|c", "c"], "|"),
        (["a; b", "a", "b;c", "c"], ";"),
        (["a,b", "a", "b,c", "c"], ","),
        (["卡片，余额", "卡片", "余额、贷款", "贷款"], ","),
        (["x, y|z", "x, y", "z"], "|"),
    ],
    ids=["bar", "semicolon", "comma", "Chinese", "a bar before a comma"],
)
def test_the_separator_is_detected_with_a_note(labels, separator):
    rows = read(labelled(labels))
    assert any(f"the labels in labels are separated by {separator!r}" in note for note in rows.notes)
    assert any("(--separator)" in note for note in rows.notes)
    first = {"|": ["a", "b"], ";": ["a", "b"], ",": ["a", "b"]}[separator]
    expected = ["余额", "卡片"] if "卡片" in labels else ["x, y", "z"] if "z" in labels else first
    assert sorted(rows.values("labels")[0]) == sorted(expected)


def test_labels_are_sorted_and_unique():
    assert read(labelled(["b|a|b|", "a"])).values("labels")[0] == ["a", "b"]


def test_hierarchical_labels_are_unchanged():
    rows = read(labelled(["health/heart/valve|news", "health/lung", "news"]))
    assert rows.values("labels")[0] == ["health/heart/valve", "news"]


def test_pieces_that_never_appear_apart_are_one_label():
    source = labelled(["Washington, D.C.", "London", "Paris"])
    with pytest.raises(
        DataError, match=r"'Washington, D\.C\.' appear together 14 times and never apart.*--separator none"
    ):
        read(source)
    assert read(source, separator="none").values("labels")[0] == ["Washington, D.C."]
    assert read(source, separator=",").values("labels")[0] == ["D.C.", "Washington"]


def test_a_separator_within_known_labels_is_refused(tmp_path):
    train = read([{"text": text, "labels": ["a, b", "c"]} for text in TEXTS])
    test = put(tmp_path / "test.csv", 'text,labels\none text,"a, b"\n')
    with pytest.raises(DataError, match=r"the label 'a, b' contains it.*--separator"):
        read_alike(test, train)


def test_further_rows_are_split_with_the_same_separator(tmp_path):
    train = read(labelled(["a;b", "a", "b"]))
    test = read_alike(put(tmp_path / "test.csv", "text,labels\none text,a|x;b\n"), train)
    assert test.values("labels") == [["a|x", "b"]]
    assert train.take([0]).separator == ";"


def test_a_blank_cell_means_no_labels_and_null_means_missing(tmp_path):
    rows = read(put(tmp_path / "rows.csv", "text,labels\na b,x|y\nc d,\ne f,x\n"))
    assert rows.values("labels") == [["x", "y"], [], ["x"]]
    assert any("1 row with an empty labels: read as having none of the labels" in note for note in rows.notes)
    with pytest.raises(MissingLabelError, match="row 2"):
        read([{"text": "a b", "labels": ["x"]}, {"text": "c d", "labels": None}]).values("labels")


def test_a_column_of_single_labels_is_still_one_label_per_row():
    rows = read(labelled(["a", "b"]))
    assert (rows.roles.label, rows.roles.labels) == ("labels", None)
    rows = read([{"text": text, "label": "x", "tags": "a|b"} for text in TEXTS])
    assert (rows.roles.label, rows.roles.labels) == ("label", None)
    assert read(
        [{"text": text, "label": "x", "tags": "a|b"} for text in TEXTS], labels="tags", separator="|"
    ).values("labels")[0] == ["a", "b"]


def test_lists_are_written_to_json_lines_and_refused_by_csv(examples, tmp_path):
    rows = read(examples / "sgd_dialogues/acts/dev.jsonl")
    with open_writer(tmp_path / "out.jsonl") as writer:
        writer.write(rows.table)
    assert read(tmp_path / "out.jsonl").fingerprint == rows.fingerprint
    with (
        pytest.raises(CallError, match=r"as in 'labels'\. Write JSON lines"),
        open_writer(tmp_path / "out.csv") as writer,
    ):
        writer.write(rows.table)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
