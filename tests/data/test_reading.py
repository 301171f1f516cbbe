import datetime
import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metier.data import Rows, iterate, open_writer, read, read_alike
from metier.errors import (
    BrokenRowError,
    CallError,
    DataError,
    EmptyDataError,
    MissingColumnError,
    MissingLabelError,
    UnreadableFileError,
)

ROWS = {"text": ["where is my card?", 'he said "no", twice', "两行\n文本"], "label": ["1", "a b", "标签"]}
FORMATS = ["csv", "tsv", "jsonl", "parquet", "csv.gz", "tsv.gz", "jsonl.gz"]
# Every character except lone surrogates, which no file can hold.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def write(path, rows=ROWS):
    with open_writer(path) as writer:
        writer.write(pa.table(rows))
    return path


def put(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("ending", FORMATS)
def test_rows_round_trip(tmp_path, ending):
    rows = read(write(tmp_path / f"rows.{ending}"))
    assert list(rows.texts) == ROWS["text"]
    assert rows.labels == ROWS["label"]
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("ending", FORMATS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=8))
def test_any_text_survives_every_format(tmp_path, ending, texts):
    # With a text of words, as rows that are all blank are refused.
    texts = [*texts, "a text"]
    path = write(tmp_path / f"any.{ending}", {"text": texts, "label": ["x"] * len(texts)})
    assert list(read(path, text="text", label="label").texts) == texts
    assert [text for batch in iterate(path, batch_rows=3, text="text") for text in batch.texts] == texts


def test_json_is_one_list_of_objects(tmp_path):
    path = put(
        tmp_path / "rows.json", json.dumps([{"text": "a b", "label": 1.0}, {"text": "c", "label": True}])
    )
    assert read(path).labels == ["1", "true"]


@pytest.mark.parametrize("name", ["lines.json", "lines.jsonl"])
def test_json_lines_are_recognised_by_content(tmp_path, name):
    path = put(
        tmp_path / name, '{"text": "a b", "label": "x"}\n\n{"text": "c d", "label": null, "more": [1]}\n'
    )
    rows = read(path)
    assert list(rows.texts) == ["a b", "c d"]
    assert rows.table.column("more").to_pylist() == [None, "[1]"]
    assert any("JSON lines" in note for note in rows.notes) == (name == "lines.json")


def test_a_json_document_that_is_not_a_list_is_reported(tmp_path):
    with pytest.raises(UnreadableFileError, match="an object with the keys 'data'"):
        read(put(tmp_path / "rows.json", '{"data": [{"text": "a"}]}'))


def test_lines_of_text_need_no_header(tmp_path):
    rows = read(put(tmp_path / "rows.txt", "one two\r\n\r\nthree\n"))
    assert list(rows.texts) == ["one two", "", "three"]
    assert rows.roles.label is None


@pytest.mark.parametrize(
    "source",
    [
        [("a b", 1), ("c d", "x")],
        [{"text": "a b", "label": 1.0}, {"text": "c d", "label": "x"}],
        pd.DataFrame({"text": ["a b", "c d"], "label": [1, "x"]}),
        pa.table({"text": pa.array(["a b", "c d"], pa.large_string()), "label": ["1", "x"]}),
        pa.record_batch({"text": ["a b", "c d"], "label": pa.array(["1", "x"]).dictionary_encode()}),
    ],
    ids=["pairs", "mappings", "pandas", "arrow", "batch"],
)
def test_rows_in_memory(source):
    rows = read(source)
    assert list(rows.texts) == ["a b", "c d"]
    assert rows.labels == ["1", "x"]


def test_texts_alone_are_rows_without_labels():
    for source in (["a", "b"], np.array(["a", "b"]), pd.Series(["a", "b"])):
        rows = read(source)
        assert list(rows.texts) == ["a", "b"]
        with pytest.raises(MissingLabelError, match="--label"):
            _ = rows.labels


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 2, 3], ["1", "2", "3"]),
        ([1.0, 2.0, np.nan], ["1", "2", None]),
        ([1.5, 2.0, 3.0], ["1.5", "2", "3"]),
        ([True, False, None], ["true", "false", None]),
        (pd.Categorical(["x", "y", None]), ["x", "y", None]),
        (["nan", " ", "none"], [None, None, "none"]),
        ([datetime.date(2026, 1, 2)] * 3, ["2026-01-02"] * 3),
    ],
    ids=["integers", "numbers with a gap", "numbers", "booleans", "categories", "blanks", "dates"],
)
def test_labels_become_strings_and_missing_ones_stay_missing(labels, expected):
    rows = read(pd.DataFrame({"text": ["a", "b", "c"], "label": labels}))
    assert rows.column("label") == expected
    if None in expected:
        with pytest.raises(MissingLabelError, match="--drop-unlabelled"):
            _ = rows.labels


def test_whole_numbers_with_gaps_in_csv_are_read_as_whole_numbers(tmp_path):
    rows = read(put(tmp_path / "rows.csv", "text,label\na,1.0\nb,2.0\nc,\n"))
    assert rows.column("label") == ["1", "2", None]
    assert any("read as 1" in note for note in rows.notes)


def test_a_label_with_leading_zeros_is_unchanged(tmp_path):
    assert read(put(tmp_path / "rows.csv", "text,label\na,007\nb,1.10\n")).labels == ["007", "1.10"]


def test_rows_are_read_unchanged_or_with_other_roles():
    rows = read(pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"], "other": [1, 2]}))
    assert read(rows).labels == ["x", "y"]
    assert read(rows, label="other").labels == ["1", "2"]


@pytest.mark.parametrize("source", [{"text": "a"}, 3, None, {"a", "b"}])
def test_a_source_without_rows_is_a_call_error(source):
    with pytest.raises(CallError, match="rows were expected"):
        read(source)


def test_items_of_different_kinds_are_refused():
    with pytest.raises(DataError, match="dict, str"):
        read(["a", {"text": "b"}])


def test_half_a_surrogate_pair_is_reported(tmp_path):
    with pytest.raises(BrokenRowError, match=r"line 2: .*surrogate") as caught:
        read(put(tmp_path / "rows.jsonl", '{"text": "a"}\n{"text": "\\ud83d"}\n'))
    assert caught.value.line == 2
    with pytest.raises(DataError, match="surrogate"):
        read([("\ud83d", "x")])


# Empty sources.


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", ""),
        ("header.csv", "text,label\n"),
        ("blank.csv", "\n\n\n"),
        ("empty.jsonl", ""),
        ("blank.jsonl", "\n \n"),
        ("none.json", "[]"),
        ("empty.csv.gz", gzip.compress(b"", mtime=0)),
    ],
)
def test_no_rows_is_reported(tmp_path, name, content):
    path = put(tmp_path / name, content)
    with pytest.raises(EmptyDataError):
        read(path)
    with pytest.raises(EmptyDataError):
        list(iterate(path))


def test_the_error_of_a_parquet_file_without_rows_lists_its_columns(tmp_path):
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "rows.parquet")
    with pytest.raises(EmptyDataError, match=r"no rows under its columns \(text\)"):
        read(tmp_path / "rows.parquet")


def test_rows_that_are_all_blank_are_refused(tmp_path):
    with pytest.raises(EmptyDataError, match=r"without any text \(2 rows\)"):
        read(put(tmp_path / "rows.csv", "text,label\n ,1\n,2\n"))


# Columns.


def test_the_error_of_a_missing_column_suggests_the_nearest(tmp_path):
    path = put(tmp_path / "rows.csv", "message,kind\na b,1\n")
    with pytest.raises(MissingColumnError, match=r"it has: message, kind\. Did you mean 'message'\?.*--text"):
        read(path, text="mesage")
    with pytest.raises(MissingColumnError, match="--text"):
        list(iterate(path, text="body"))


def test_further_rows_are_read_like_the_first(tmp_path):
    rows = read(put(tmp_path / "train.csv", "body,kind\na b,1\n"), text="body", label="kind")
    test = read_alike(put(tmp_path / "test.csv", "kind,title,body\n2,x,c d\n"), rows)
    assert (list(test.texts), test.labels) == (["c d"], ["2"])
    with pytest.raises(MissingColumnError, match="--label"):
        read_alike(put(tmp_path / "other.csv", "body,sort\na b,1\n"), rows)


# Folders.


def test_a_folder_of_texts_under_their_labels(tmp_path):
    for label, name, text in [
        ("pos", "1.txt", "good film\n"),
        ("neg", "2.txt", "bad film"),
        ("neg", "3.md", "x"),
    ]:
        (tmp_path / label).mkdir(exist_ok=True)
        put(tmp_path / label / name, text)
    rows = read(tmp_path)
    assert dict(zip(rows.labels, rows.texts, strict=True)) == {"neg": "bad film", "pos": "good film"}
    assert any("skipped 1 file not named .txt" in note for note in rows.notes)


def test_a_folder_of_files_named_after_their_splits(tmp_path):
    put(tmp_path / "train.csv", "text,label\na b,1\n")
    put(tmp_path / "dev.jsonl", '{"label": "2", "text": "c d"}')
    put(tmp_path / "README.txt", "about")
    rows = read(tmp_path)
    assert dict(zip(rows.texts, rows.column("split"), strict=True)) == {"a b": "train", "c d": "validation"}


def test_files_of_different_shape_are_refused(tmp_path):
    put(tmp_path / "a.csv", "text,label\na b,1\n")
    put(tmp_path / "b.csv", "text,kind\na b,1\n")
    with pytest.raises(DataError, match=r"b\.csv has text, kind"):
        read(tmp_path)


def test_the_error_of_an_empty_folder_says_what_to_put_there(tmp_path):
    with pytest.raises(EmptyDataError, match="sub-folder per label"):
        read(tmp_path)


# In batches.


def test_batches_have_their_size_and_keep_the_columns(tmp_path):
    path = write(
        tmp_path / "rows.csv", {"text": [f"text {n}" for n in range(10)], "id": [str(n) for n in range(10)]}
    )
    batches = list(iterate(path, batch_rows=4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert batches[2].table.column("id").to_pylist() == ["8", "9"]
    assert all(isinstance(batch, Rows) for batch in batches)


def test_batches_of_rows_in_memory():
    assert [len(batch) for batch in iterate(["a", "b", "c"], batch_rows=2)] == [2, 1]


def test_real_rows(banking):
    rows = read(banking / "train.csv")
    assert len(rows) == 10_003
    assert len(set(rows.labels)) == 77
    assert rows.texts[0] == "I am still waiting on my card?"
