import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metier.data import resumable_writing
from metier.data.output_files import held_output
from metier.data.resumable_writing import ResumableWriter, WholeWriter, can_resume
from metier.data.writing import form_builder
from metier.errors import CallError, DataError, InterruptedRunError, InUseError, StorageError
from metier.storage import parts_of

CALL = {"--input": "rows.csv 12", "an option": "{}"}
ROWS = 40


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(resumable_writing, "PART_ROWS", 8)


def table(first):
    numbers = range(first, first + 4)
    return pa.table(
        {"text": [f"line\r{n}, or so" for n in numbers], "n": [None if n == 9 else n for n in numbers]}
    )


def writer(path, *, resume=False, overwrite=False, call=CALL):
    return ResumableWriter(path, form_builder(path), call=call, overwrite=overwrite, resume=resume)


def write_all(path, *, until=ROWS, failure=None, **how):
    with writer(path, **how) as rows:
        begun = rows.n_done
        for first in range(begun, until, 4):
            rows.write(table(first))
            rows.keep({"seen": first + 4})
        if failure is not None:
            raise failure
    return begun, rows.kept


def content(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pydict()
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def killed(path, *, until):
    """Write some rows, and leave what a killed process would."""
    rows = writer(path).__enter__()
    for first in range(0, until, 4):
        rows.write(table(first))
        rows.keep({"seen": first + 4})
    if rows._form is not None:
        rows._form.close()
    rows._part.pop_all()  # Nobody renames or removes what is being written.
    rows._open.close()  # The system releases the lock.


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.csv.gz", "a.jsonl.gz"])
@pytest.mark.parametrize("until", [4, 8, 20, 24, 40])
def test_what_was_killed_is_gone_on_with_to_the_same_rows(name, until, tmp_path):
    whole, path = tmp_path / f"whole.{name}", tmp_path / name
    write_all(whole)
    killed(path, until=until)
    assert not path.exists()
    begun, kept = write_all(path, resume=True)
    assert begun == until // 8 * 8
    assert kept == ({"seen": begun} if begun else {})
    assert content(path) == content(whole)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([whole.name, path.name])


def test_a_whole_file_has_the_names_of_its_columns_once(tmp_path):
    write_all(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_bytes().split(b"\n")
    assert lines[0] == b"text,n"
    assert lines.count(b"text,n") == 1
    assert len(lines) == ROWS + 2


def test_an_unfinished_file_is_neither_begun_anew_nor_gone_on_with_unasked(tmp_path):
    path = tmp_path / "a.jsonl"
    killed(path, until=20)
    with pytest.raises(CallError, match=r"16 rows of it are done. Add --resume"):
        write_all(path)
    assert write_all(path, overwrite=True)[0] == 0
    assert len(path.read_text("utf-8").splitlines()) == ROWS


def test_another_call_does_not_go_on(tmp_path):
    path = tmp_path / "a.jsonl"
    killed(path, until=20)
    with pytest.raises(CallError, match="begun otherwise: --input is another now"):
        write_all(path, resume=True, call=CALL | {"--input": "rows.csv 13"})
    assert write_all(path, resume=True)[0] == 16


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(InterruptedRunError, match=r"16 rows of .*a.csv are done.*--resume"):
        write_all(path, until=20, failure=KeyboardInterrupt())
    assert write_all(path, resume=True)[0] == 16
    with pytest.raises(KeyboardInterrupt):  # Nothing is done yet, so there is nothing to say.
        write_all(tmp_path / "b.csv", until=4, failure=KeyboardInterrupt())
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


def test_any_other_failure_leaves_nothing(tmp_path):
    with pytest.raises(DataError):
        write_all(tmp_path / "a.csv", until=20, failure=DataError("a row is broken"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("mine", "utf-8")
    with pytest.raises(CallError, match="exists already"):
        write_all(path)
    with pytest.raises(CallError, match="no unfinished call of it: what is there is whole"):
        write_all(path, resume=True)
    assert path.read_text("utf-8") == "mine"


def test_a_kill_after_the_last_rename_is_gone_on_with(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    with monkeypatch.context() as patched:
        patched.setattr(ResumableWriter, "_remove_parts", lambda _: None)
        write_all(path)
    expected = path.read_bytes()
    assert write_all(path, resume=True)[0] == ROWS
    assert path.read_bytes() == expected
    assert not parts_of(path).exists()


def test_a_state_that_is_none_is_no_state(tmp_path):
    path = tmp_path / "a.jsonl"
    parts_of(path).mkdir()
    (parts_of(path) / "state.json").write_text('{"parts": 3}', "utf-8")
    assert write_all(path, resume=True)[0] == 0


def test_one_process_writes(tmp_path):
    path = tmp_path / "a.jsonl"
    with held_output(path), pytest.raises(InUseError):
        write_all(path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StorageError, match="there is no folder"):
        write_all(tmp_path / "none" / "a.csv")


def test_formats_of_one_piece_begin_anew(tmp_path):
    assert not can_resume(tmp_path / "a.xlsx")
    assert not can_resume(tmp_path / "a.conll")
    path = tmp_path / "a.csv"
    with WholeWriter(path, form_builder(path), overwrite=False) as rows:
        rows.write(table(0))
        rows.keep({})
    assert rows.n_done == 0
    assert path.exists()
