import gzip
import json
import os
import subprocess
import sys

import pyarrow as pa
import pytest

from metier.data import read, sources
from metier.errors import BrokenRowError, StorageError


@pytest.fixture
def all_files_are_large(monkeypatch):
    monkeypatch.setattr(sources, "LARGE_BYTES", 10)


def entries(cache):
    return sorted(path.name for path in (cache / "rows").iterdir()) if (cache / "rows").exists() else []


def put(path, n=50, label="x"):
    path.write_text("text,label\n" + "".join(f"this is row {row},{label}\n" for row in range(n)))
    return path


def test_a_large_file_is_mapped_from_a_copy_made_once(tmp_path, fresh_cache, all_files_are_large, monkeypatch):
    path = put(tmp_path / "rows.csv")
    before = pa.total_allocated_bytes()
    rows = read(path, label="label")
    assert (
        pa.total_allocated_bytes() - before < 10_000
    )  # The columns are on disk, the label's copy is all there is.
    assert (len(rows), rows.texts[49], set(rows.labels)) == (50, "this is row 49", {"x"})
    assert len(entries(fresh_cache)) == 1
    monkeypatch.setattr(sources, "write_copy", lambda *_: pytest.fail("the copy was made again"))
    assert list(read(path).texts) == list(rows.texts)


def test_a_changed_file_is_read_again_and_its_old_copy_removed(tmp_path, fresh_cache, all_files_are_large):
    path = put(tmp_path / "rows.csv")
    rows, before = read(path), entries(fresh_cache)
    put(path, n=60)
    assert len(read(path)) == 60
    assert len(entries(fresh_cache)) == 1
    assert entries(fresh_cache) != before
    assert rows.texts[0] == "this is row 0"  # A process that mapped the old copy can still read it.


def test_large_files_have_the_same_notes_as_small_ones(tmp_path, all_files_are_large):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress("文本;标签\n你好世界今天;1.0\n再见朋友们啊;\n".encode("gb18030")))
    rows = read(path)
    assert rows.column("label") == ["1", None]
    for part in ("gb18030", "semicolon", "read as 1", "text = 文本"):
        assert any(part in note for note in rows.notes), part


def test_keys_that_come_late_in_large_json_lines_are_kept(tmp_path, all_files_are_large, monkeypatch):
    monkeypatch.setattr(sources, "BATCH_ROWS", 2)
    path = tmp_path / "rows.jsonl"
    objects = [{"text": f"row {n}"} | ({"late": n} if n > 4 else {}) for n in range(7)]
    path.write_text("\n".join(map(json.dumps, objects)))
    assert read(path).table.column("late").to_pylist() == [None] * 5 + ["5", "6"]


def test_a_broken_row_leaves_no_copy(tmp_path, fresh_cache, all_files_are_large):
    path = put(tmp_path / "rows.csv")
    path.write_text(path.read_text() + "a,b,c\n")
    with pytest.raises(BrokenRowError, match="line 52"):
        read(path)
    assert entries(fresh_cache) == []


def test_a_full_disk_is_reported_and_leaves_no_copy(tmp_path, fresh_cache, all_files_are_large, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(pa.ipc, "new_file", full)
    with pytest.raises(StorageError, match=r"No space left.*METIER_CACHE"):
        read(put(tmp_path / "rows.csv"))
    assert entries(fresh_cache) == []


MEASURED = """
import resource, sys, json
from metier.data import iterate, read

def mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000

start = mb()
if sys.argv[2] == "read":
    rows = read(sys.argv[1])
    n, labels = len(rows), len(set(rows.labels))
else:
    n, labels = 0, 5
    for batch in iterate(sys.argv[1], batch_rows=2_048):
        n += len(batch)
        assert len(batch.texts[0]) > 190
print(json.dumps([n, labels, start, mb()]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("how", "most_mb"), [("read", 400), ("iterate", 150)])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_two_million_rows_take_little_memory(tmp_path, fresh_cache, how, most_mb, ending):
    """400 MB of text. Pages of the map count as ours, though the kernel may drop them."""
    path = tmp_path / f"rows.{ending}"
    with path.open("w") as stream:
        if ending == "csv":
            stream.write("text,label\n")
        for n in range(2_000_000):
            text = f"{n:08d} " + "some words, of a text " * 8 + "and its end"
            line = {"text": text, "label": "abcde"[n % 5]}
            stream.write(json.dumps(line) + "\n" if ending == "jsonl" else f'"{text}",{line["label"]}\n')
    asked = [sys.executable, "-c", MEASURED, str(path), how]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    n, labels, start, peak = json.loads(done.stdout)
    assert (n, labels) == (2_000_000, 5)
    assert peak - start < most_mb
