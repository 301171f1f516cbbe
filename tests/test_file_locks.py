"""Locks that end with the process that holds them."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from metier.errors import InUseError
from metier.file_locks import held

HOLD = """
import pathlib, sys, time
from metier.file_locks import held
with held(pathlib.Path(sys.argv[1]), what="the run"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / ".lock")], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_second_is_told_who_holds_it_and_a_killed_holder_holds_nothing(tmp_path, holder):
    lock = tmp_path / ".lock"
    with pytest.raises(InUseError, match=rf"a run is in use by process {holder.pid} on .*kill {holder.pid}"):
        held(lock, what="a run").__enter__()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert lock.exists()  # What is left of a killed holder is in nobody's way.
    with held(lock, what="a run"):
        pass
    assert not lock.exists()


SIGN_LATE = """
import pathlib, sys, time
from metier import file_locks
sign = file_locks._sign
def late(descriptor):
    print("locked", flush=True)
    time.sleep(0.3)
    sign(descriptor)
file_locks._sign = late
with file_locks.held(pathlib.Path(sys.argv[1]), what="the run"):
    time.sleep(60)
"""


@pytest.mark.parametrize("left", ["", '{"pid": 4194303, "host": "HOST", "since": "long ago"}'])
def test_who_comes_just_after_the_first_is_told_who_it_is_and_not_who_was_killed_before(tmp_path, left):
    lock = tmp_path / ".lock"
    lock.write_text(left.replace("HOST", socket.gethostname()), encoding="utf-8")
    with subprocess.Popen([sys.executable, "-c", SIGN_LATE, str(lock)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(InUseError, match=rf"in use by process {process.pid} on"):
            held(lock, what="a run").__enter__()
        process.kill()


def test_who_waits_gets_it_when_it_is_free_and_only_one_has_it(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            with held(tmp_path / ".lock", what="a file", wait=True):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1] * 80
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_that_outlives_its_parent_holds_nothing(tmp_path):
    """Workers are forked; one of them must not keep a run locked after the run was killed."""
    program = (
        "import os, pathlib, sys, time\n"
        "from metier.file_locks import held\n"
        "with held(pathlib.Path(sys.argv[1]), what='a run'):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os.close(1), os.close(2)\n"
        "        time.sleep(5)\n"
        "        os._exit(0)\n"
        "    print(child, flush=True)\n"
        "    time.sleep(0.2)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / ".lock")], capture_output=True)
    child = int(done.stdout)
    with held(tmp_path / ".lock", what="a run"):
        os.kill(child, 0)  # It is still there.
    os.kill(child, signal.SIGKILL)
