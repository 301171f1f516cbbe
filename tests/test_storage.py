"""What is written whole or not at all, and what a refusing disk is told from."""

import errno
import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from metier import storage
from metier.errors import BundleError, StorageError
from metier.storage import (
    partial_file,
    partial_folder,
    raise_if_refused,
    share_content,
    sweep,
    write_text,
    write_whole,
)

KILLED = """
import os, pathlib, sys
from metier.storage import partial_file, partial_folder
folder = pathlib.Path(sys.argv[1])
with partial_folder(folder / "base") as inside, partial_file(folder / "rows.csv") as partial:
    (inside / "weights").write_text("half")
    partial.write_text("half")
    os._exit(9)
"""


def test_what_a_killed_process_left_is_swept_and_what_is_written_now_is_not(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 2
    with partial_folder(tmp_path / "base") as mine:
        (mine / "weights").write_text("mine")
        sweep(tmp_path, of=tmp_path / "rows.csv")
        assert len(list(tmp_path.iterdir())) == 2
        sweep(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [mine.name]
        assert (mine / "weights").read_text() == "mine"


def test_two_writers_share_no_partial_file(tmp_path):
    path = tmp_path / "report.json"
    with partial_file(path) as first:
        write_text(path, "second")
        first.write_text("first")
    assert path.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_names_that_are_long_or_no_text_are_written(tmp_path):
    path = tmp_path / ("数" * 84)
    write_text(path, "a\udce6")
    assert path.read_bytes() == b"a\\udce6"


def test_a_file_that_another_locale_wrote_down_is_found(tmp_path):
    (tmp_path / "数据.csv").write_text("")
    program = (
        "import os, sys\n"
        "from metier.storage import named_here\n"
        "assert sys.getfilesystemencoding() == 'ascii', sys.getfilesystemencoding()\n"
        "assert os.path.exists(named_here(sys.argv[1] + '/\\u6570\\u636e.csv'))\n"
        "assert named_here('\\u6570') == '\\udce6\\udc95\\udcb0' and named_here('rows.csv') == 'rows.csv'\n"
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=os.environ | locale)
    assert storage.named_here("数据.csv") == "数据.csv"


def test_a_name_that_another_locale_misread_is_written_down_as_its_bytes_are(tmp_path):
    """A locale of GB18030 reads the bytes of a UTF-8 name as other characters, and one of ASCII as none."""
    (tmp_path / "数据.csv").write_text("")
    name = os.fsencode(str(tmp_path / "数据.csv"))
    as_gb18030 = name.decode("gb18030", "surrogateescape")
    assert as_gb18030 != str(tmp_path / "数据.csv")
    gb18030 = {
        "fsencode": lambda name: name.encode("gb18030", "surrogateescape"),
        "fsdecode": lambda name: name.decode("gb18030", "surrogateescape"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for function, its in gb18030.items():
            patch.setattr(storage.os, function, its)
        patch.setattr(storage.os.path, "exists", lambda path: path == as_gb18030)
        written = storage.named_everywhere(as_gb18030)
        assert written == str(tmp_path / "数据.csv")
        assert storage.named_here(written) == as_gb18030
        assert storage.named_here(as_gb18030) == as_gb18030  # As it was written down before.
    assert storage.named_here(written) == str(tmp_path / "数据.csv")
    program = (
        "import sys; from metier.storage import named_everywhere; print(ascii(named_everywhere(sys.argv[1])))"
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program, "数据.csv"], check=True, env=os.environ | locale, capture_output=True
    )
    assert done.stdout.strip().decode() == ascii("数据.csv")


@pytest.mark.parametrize(("closed", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_a_service_may_read_what_the_umask_allows(tmp_path, closed, file, folder):
    before = os.umask(closed)
    try:
        with write_whole(tmp_path / "bundle") as partial:
            (partial / "inner").mkdir()
            save_file({"weights": np.ones(2)}, partial / "inner" / "weights.safetensors")
        write_text(tmp_path / "out.csv", "")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"bundle": folder, "inner": folder, "weights.safetensors": file, "out.csv": file}


def test_a_kill_between_the_two_renames_loses_no_folder(tmp_path):
    (tmp_path / "bundle.old").mkdir()
    (tmp_path / "bundle.old" / "a.json").write_text("whole")
    with pytest.raises(RuntimeError), write_whole(tmp_path / "bundle"):
        raise RuntimeError
    assert (tmp_path / "bundle" / "a.json").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def caused(error):
    try:
        try:
            raise error
        except Exception as cause:
            raise BundleError("The predictor cannot be read.") from cause
    except BundleError as found:
        return found


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EIO, "Input/output error", "x.npy"),
        OSError(errno.EROFS, "Read-only file system", "x.npy"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("1024 requested and 512 written"),
        sqlite3.OperationalError("database or disk is full"),
        RuntimeError("write failed: No space left on device (os error 28)"),
        RuntimeError("[enforce fail] file write failed: No space left on device"),
        PermissionError(errno.EACCES, "Permission denied", "no-such-folder/x.npy"),
        StorageError("The checkpoint cannot be written."),
    ],
)
def test_a_disk_that_refuses_is_told_through_any_library(tmp_path, error):
    for found in (error, caused(error)):
        with pytest.raises(StorageError):
            raise_if_refused(found, folder=tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        BundleError("config.json: [Errno 13] Permission denied"),
        ValueError("a bug"),
        FileNotFoundError(errno.ENOENT, "No such file"),
        OSError(errno.EMFILE, "Too many"),
    ],
)
def test_other_errors_are_no_fault_of_the_disk(tmp_path, error):
    raise_if_refused(caused(error), folder=tmp_path)


def test_a_file_that_may_not_be_read_is_no_fault_of_the_disk(tmp_path, monkeypatch):
    (tmp_path / "base").write_text("")
    monkeypatch.setattr(storage.os, "access", lambda path, mode: False)
    raise_if_refused(
        PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "base")), folder=tmp_path
    )


def test_where_a_library_says_nothing_a_write_is_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(
        storage.tempfile, "TemporaryFile", lambda **_: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(StorageError, match="the disk is full"):
        raise_if_refused(RuntimeError("could not store the model"), folder=tmp_path)


def test_equal_files_share_the_disk_and_a_refusal_leaves_both(tmp_path, monkeypatch):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for path in (first, second, third):
        path.write_text("the same")
    share_content(first, second)
    share_content(first, second)  # Once more changes nothing.
    assert first.samefile(second)
    write_text(second, "another")  # Whoever writes one of them leaves the other.
    assert first.read_text() == "the same"

    def refuse(*_):
        raise OSError(errno.EMLINK, "too many links")

    monkeypatch.setattr(os, "link", refuse)
    share_content(first, third)
    assert third.read_text() == "the same"
    assert not first.samefile(third)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second", "third"]
