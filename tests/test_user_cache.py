import subprocess
import sys
import threading

import pytest

from metier.errors import StorageError
from metier.user_cache import build_once


def test_of_two_concurrent_builds_one_builds_the_folder(tmp_path):
    started, release, built = threading.Event(), threading.Event(), []

    def build(folder):
        built.append(folder)
        started.set()
        assert release.wait(30)
        (folder / "weights").write_text("numbers")

    first = threading.Thread(target=build_once, args=[tmp_path / "base", build])
    second = threading.Thread(target=build_once, args=[tmp_path / "base", build])
    first.start()
    assert started.wait(30)
    second.start()
    second.join(0.2)
    assert second.is_alive()  # It waits for the first.
    release.set()
    first.join(30)
    second.join(30)
    assert len(built) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["base"]
    assert (tmp_path / "base" / "weights").read_text() == "numbers"


def test_a_failed_build_leaves_nothing_and_is_repeated(tmp_path):
    def broken(folder):
        (folder / "weights").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once(tmp_path / "base", broken)
    assert list(tmp_path.iterdir()) == []
    build_once(tmp_path / "base", lambda folder: (folder / "weights").write_text("whole"))
    assert (tmp_path / "base" / "weights").read_text() == "whole"


def test_a_failed_write_is_reported_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="METIER_CACHE"):
        build_once(tmp_path / "file" / "base", lambda folder: None)


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path):
    program = (
        "import os, pathlib, sys\n"
        "from metier.user_cache import build_once\n"
        "def build(folder):\n"
        "    (folder / 'weights').write_text('half')\n"
        "    os._exit(9)\n"
        "build_once(pathlib.Path(sys.argv[1]), build)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "killed")], check=False)
    (tmp_path / ".base-k3j2x1").mkdir()  # As half-built folders were named once.
    assert len(list(tmp_path.iterdir())) == 3
    build_once(tmp_path / "base", lambda folder: (folder / "weights").write_text("whole"))
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"base", ".killed.lock"}


def test_a_lock_that_a_killed_process_left_beside_what_it_built_is_removed(tmp_path):
    final = build_once(tmp_path / "base", lambda folder: (folder / "file").write_text("built"))
    (tmp_path / ".base.lock").write_text("{}")
    assert build_once(final, lambda folder: pytest.fail("it is there")) == final
    assert [one.name for one in tmp_path.iterdir()] == ["base"]
