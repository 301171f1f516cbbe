import errno
import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from metier.bundles import write_whole
from metier.errors import StorageError


def refuse(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_written_folder_replaces_the_target(tmp_path):
    with write_whole(tmp_path / "new" / "bundle") as partial:
        (partial / "a.json").write_text("{}")
        assert not (tmp_path / "new" / "bundle").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["bundle"]
    assert (tmp_path / "new" / "bundle" / "a.json").read_text() == "{}"


def test_a_full_disk_leaves_no_partial_file(tmp_path, method, monkeypatch):
    monkeypatch.setattr("metier.predictors.linear.linear_predictor.save_file", refuse)
    expected = pytest.raises(StorageError, match=r"the disk is full.*No partial file")
    with expected, write_whole(tmp_path / "bundle") as partial:
        method.export(partial)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_unchanged_after_a_failure(tmp_path, monkeypatch):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "old.json").write_text("old")
    with pytest.raises(StorageError), write_whole(folder) as partial:  # noqa: PT012
        (partial / "new.json").write_text("new")
        refuse()
    with pytest.raises(KeyboardInterrupt), write_whole(folder) as partial:
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert (folder / "old.json").read_text() == "old"


def test_an_old_folder_is_replaced_completely(tmp_path):
    folder = tmp_path / "bundle"
    for name in ("first.json", "second.json"):
        with write_whole(folder) as partial:
            (partial / name).write_text(name)
    assert [path.name for path in folder.iterdir()] == ["second.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_file_that_cannot_be_read_is_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(PermissionError), write_whole(tmp_path / "there" / "bundle"):
        raise PermissionError(
            errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "elsewhere" / "base.json")
        )


def test_a_disk_that_is_really_full(method, tmp_path):
    """On a file system of 64 KB, where the writers of Rust and Python fill the disk."""
    exported = tmp_path / "exported"
    exported.mkdir()
    method.export(exported)
    program = f"""
        import pathlib, shutil
        from metier.bundles import write_whole
        from metier.errors import StorageError
        from safetensors.numpy import save_file
        import numpy as np
        root = pathlib.Path({str(tmp_path)!r}, "small")
        def write_python(folder):
            (folder / "model.onnx").write_bytes(bytes(200_000))
        def write_copy(folder):
            shutil.copytree({str(exported)!r}, folder, dirs_exist_ok=True)
        def write_rust(folder):
            save_file({{"weights": np.ones(200_000)}}, folder / "weights.safetensors")
        for write in (write_python, write_copy, write_rust):
            try:
                with write_whole(root / "bundle") as partial:
                    write(partial)
            except StorageError as error:
                assert "the disk is full" in str(error), error
            else:
                raise SystemExit("the disk took it")
            assert list(root.iterdir()) == [], list(root.iterdir())
    """
    (tmp_path / "small").mkdir()
    mount = f"mount -t tmpfs -o size=64k none {tmp_path}/small"
    run = f'{mount} && exec "$0" -c "$1"'
    command = ["unshare", "--mount", "--user", "--map-root-user", "sh", "-c", run, sys.executable]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here, so no small file system can be mounted without root")
    probe = subprocess.run([*command[:-2], f"{mount} && true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no small file system can be mounted here: {probe.stderr.strip()}")
    done = subprocess.run([*command, textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
