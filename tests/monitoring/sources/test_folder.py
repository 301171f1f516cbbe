"""Files put into a folder are read once; one that grows is read on, and a name used again is another file."""

import json
import os

import pytest

from metier.errors import SourceError
from metier.monitoring.sources import build_source
from metier.monitoring.sources.folder import FolderSettings
from tests.source_reading import Reading


def put(folder, name, *numbers, at=1e9):
    path = folder / name
    path.write_text(
        "".join(json.dumps({"id": n, "text": f"text {n}", "time": 1e9 + n}) + "\n" for n in numbers)
    )
    os.utime(path, (at, at))


def reading(folder, **more):
    return Reading(build_source(FolderSettings(path=folder, **more)))


def test_new_files_are_read_in_their_order(tmp_path):
    put(tmp_path, "b.jsonl", 1, 2, at=1e9)
    put(tmp_path, "a.jsonl", 3, at=1e9 + 1)
    (tmp_path / "c.txt").write_text("a line\n")
    (tmp_path / "notes.md").write_text("no messages")
    (tmp_path / ".hidden.jsonl").write_text("{")
    (tmp_path / "d.jsonl.part").write_text("{")
    read = reading(tmp_path, columns={"time": None})
    assert read() == ["text 1", "text 2", "text 3", "a line"]
    assert read() == []
    put(tmp_path, "e.jsonl", 4)
    assert read() == ["text 4"]
    assert not read.refused


def test_a_name_used_again_is_another_file(tmp_path):
    put(tmp_path, "today.jsonl", 1, 2)
    read = reading(tmp_path)
    read()
    put(tmp_path, "today.jsonl", 3, 4, at=1e9 + 5)
    assert read() == ["text 3", "text 4"]
    put(tmp_path, "today.jsonl", 5, at=1e9 + 6)
    assert read() == ["text 5"]
    (tmp_path / "today.jsonl").unlink()
    assert read() == []
    put(tmp_path, "today.jsonl", 6)
    assert read() == ["text 6"]


def test_a_file_that_is_still_copied_is_read_on(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("id,text,time\n1,one,2026-05-01\n2,tw")
    read = reading(tmp_path, settle_seconds=1000)
    assert read() == ["one"]
    with path.open("a") as stream:
        stream.write("o,2026-05-01\n")
    assert read() == ["two"]
    assert not read.refused


def test_between_batches_of_a_file_it_goes_on_where_it_was(tmp_path):
    put(tmp_path, "a.jsonl", *range(5))
    source = build_source(FolderSettings(path=tmp_path, batch_messages=2))
    first = next(source.read(None))
    rest = [message.text for batch in source.read(first.position) for message in batch.messages]
    assert rest == ["text 2", "text 3", "text 4"]


def test_one_bad_file_keeps_no_other_from_being_read(tmp_path):
    put(tmp_path, "a.jsonl", 1)
    (tmp_path / "wide.csv").write_bytes("id,text\n".encode("utf-16"))
    os.utime(tmp_path / "wide.csv", (9e8, 9e8))
    read = reading(tmp_path)
    assert read() == ["text 1"]
    assert "UTF-16" in read.refused[0].reason
    assert read() == []
    assert len(read.refused) == 1


def test_a_folder_that_vanishes_says_so(tmp_path):
    read = reading(tmp_path / "none")
    with pytest.raises(SourceError, match="cannot be read"):
        read()
