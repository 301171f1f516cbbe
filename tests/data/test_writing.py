import contextlib
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from metier import storage
from metier.data import open_writer, output_files, read
from metier.data.output_files import write_text
from metier.errors import CallError, DataError, InUseError, StorageError

TABLE = pa.table({"text": ["a b", "c"], "probability": [0.5, 0.25]})


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "csv.gz"])
def test_batches_go_to_one_file_that_appears_at_the_end(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    with open_writer(path) as writer:
        for _ in range(3):
            writer.write(TABLE)
            assert not path.exists()
    assert list(read(path).texts) == ["a b", "c"] * 3
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def write_and_stop(path):
    with open_writer(path) as writer:
        writer.write(TABLE)
        raise KeyboardInterrupt


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "jsonl.gz"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "csv.gz", "parquet"])
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, ending, monkeypatch):
    """`/dev/full` refuses every byte as a full disk does."""
    path = tmp_path / f"out.{ending}"
    make = storage._make

    def make_full(path, *, is_folder):
        partial, descriptor = make(path, is_folder=is_folder)
        partial.unlink()
        partial.symlink_to("/dev/full")
        return partial, descriptor

    monkeypatch.setattr(storage, "_make", make_full)
    big = pa.table({"text": [f"text {n}" * 50 for n in range(3_000)]})
    with (
        pytest.raises(StorageError, match=r"the disk is full.*No partial file") as caught,
        open_writer(path) as writer,
    ):
        writer.write(big)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_one_process_at_a_time_writes_a_file(tmp_path):
    path = tmp_path / "out.csv"
    with open_writer(path) as first:
        first.write(TABLE)
        with pytest.raises(InUseError, match=rf"{path} is in use by process {os.getpid()} on"):
            open_writer(path).__enter__()
        with pytest.raises(InUseError):
            write_text(path, "{}")
    assert list(read(path).texts) == ["a b", "c"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_a_file_that_came_while_another_process_held_it_stays(tmp_path, monkeypatch):
    """Both processes found no file; the other one was done before this one held it."""
    path = tmp_path / "out.csv"

    @contextlib.contextmanager
    def held_after_another(lock, *, what):
        what.write_text("first")
        yield

    monkeypatch.setattr(output_files, "held", held_after_another)
    with pytest.raises(CallError, match="exists already"):
        open_writer(path, overwrite=False).__enter__()
    assert path.read_text() == "first"


def test_what_a_killed_writer_left_is_in_nobodys_way(tmp_path):
    program = (
        "import os, sys, pyarrow as pa\n"
        "from metier.data import open_writer\n"
        "writer = open_writer(sys.argv[1]).__enter__()\n"
        "writer.write(pa.table({'text': ['half']}))\n"
        "os._exit(9)\n"
    )
    path = tmp_path / "out.csv"
    subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    with open_writer(path) as writer:
        writer.write(TABLE)
    assert list(read(path).texts) == ["a b", "c"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_a_missing_folder_is_reported_before_any_work(tmp_path):
    with (
        pytest.raises(StorageError, match="mkdir -p"),
        open_writer(tmp_path / "no" / "out.csv"),
    ):
        pytest.fail("the writer should not have opened")


@pytest.mark.parametrize("name", ["out.xls", "out.xlsx.gz", "out", "out.json", "out.parquet.gz", "out.txt"])
def test_an_ending_that_cannot_be_written_is_refused(tmp_path, name):
    with pytest.raises(CallError, match=r"End it in \.csv"):
        open_writer(tmp_path / name)


def test_json_lines_keep_types_and_take_new_columns(tmp_path):
    path = tmp_path / "out.jsonl"
    with open_writer(path) as writer:
        writer.write(TABLE)
        writer.write(pa.table({"text": ["d"], "more": [1]}))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [
        {"text": "a b", "probability": 0.5},
        {"text": "c", "probability": 0.25},
        {"text": "d", "more": 1},
    ]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_missing_column_is_empty_and_a_new_one_refused(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    with open_writer(path) as writer:
        writer.write(TABLE)
        writer.write(pa.table({"text": ["d"]}))
    assert read(path).table.num_rows == 3
    with pytest.raises(DataError, match=r"'more' is missing in the first rows.*jsonl"):
        write_with_a_new_column(path)


def write_with_a_new_column(path):
    with open_writer(path) as writer:
        writer.write(TABLE)
        writer.write(pa.table({"text": ["d"], "more": [1]}))


def test_equal_rows_give_equal_files(tmp_path):
    contents = []
    for name in ("a.csv.gz", "b.csv.gz"):
        with open_writer(tmp_path / name) as writer:
            writer.write(TABLE)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


def test_nothing_written_is_an_empty_file(tmp_path):
    with open_writer(tmp_path / "out.csv"):
        pass
    assert (tmp_path / "out.csv").read_bytes() == b""


@pytest.mark.parametrize(
    ("name", "found"), [("pipe.csv", "a named pipe"), ("folder.csv", "a folder"), ("", "a folder")]
)
def test_what_is_no_file_is_not_replaced(tmp_path, name, found):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    before = sorted(tmp_path.iterdir())
    path = tmp_path / name if name else Path()
    with pytest.raises(CallError, match=f"is {found}, not a file, and stays as it is"):
        write_text(path, "{}")
    if name:
        with pytest.raises(CallError, match="stays as it is"), open_writer(path) as writer:
            writer.write(TABLE)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "pipe.csv").is_fifo()


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match=r"file is a file\. Name a file in a folder"):
        write_text(tmp_path / "file" / "out.json", "{}")
    with (
        pytest.raises(StorageError, match="file is a file"),
        open_writer(tmp_path / "file" / "out.csv") as writer,
    ):
        writer.write(TABLE)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_name_that_is_no_text_is_written_escaped(tmp_path):
    write_text(tmp_path / "out.json", json.dumps("a\udcff", ensure_ascii=False))
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == "a\udcff"
