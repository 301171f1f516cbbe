"""Nothing leaves the machine: a process that opens a socket to the network is killed by the kernel, in Python and below.

ONNX Runtime and others have code that talks to the network from C++, where no patch of Python's `socket` sees it. So each
process here gets a seccomp filter first, which its threads and children inherit: opening a socket of the internet ends
it (SIGSYS). A server may open the one it listens on, but none for names or datagrams. Python's own calls are recorded
besides, and the home folder is looked through for what a library left there.
"""

import csv
import json
import os
import platform
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

GUARD = """
import ctypes, os, struct, sys

ASKING = ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto")
LOCAL = ("127.0.0.1", "::1", "localhost", None)

def watch(event, args):
    if event in ASKING:
        address = args[0] if event.startswith("socket.get") else args[1]
        host = address[0] if isinstance(address, tuple) else address
        if host not in LOCAL and not str(host).startswith("/"):
            with open(os.environ["ASKED"], "a") as file:
                file.write(f"{event} {address!r}\\n")

sys.addaudithook(watch)

LOAD, EQUAL, AND, GIVE = 0x20, 0x15, 0x54, 0x06
KILL, ALLOW = 0x80000000, 0x7FFF0000
NUMBER, FIRST, SECOND = 0, 16, 24
SOCKET, INET, INET6, STREAM, KINDS = 41, 2, 10, 1, 0xF
may_listen = [(LOAD, 0, 0, SECOND), (AND, 0, 0, KINDS), (EQUAL, 1, 0, STREAM)]
stated = may_listen if os.environ.get("LISTENS") else []
steps = [
    (LOAD, 0, 0, NUMBER), (EQUAL, 0, 4 + len(stated), SOCKET),
    (LOAD, 0, 0, FIRST), (EQUAL, 1, 0, INET), (EQUAL, 0, 1 + len(stated), INET6),
    *stated, (GIVE, 0, 0, KILL), (GIVE, 0, 0, ALLOW),
]
code = b"".join(struct.pack("HBBI", *step) for step in steps)

class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]

libc = ctypes.CDLL(None)
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2
assert libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
assert libc.prctl(SET_SECCOMP, FILTER, ctypes.byref(Program(len(steps), code)), 0, 0) == 0
"""
CAN_FILTER = sys.platform == "linux" and platform.machine() == "x86_64"
pytestmark = pytest.mark.skipif(not CAN_FILTER, reason="the filter is written for Linux on x86-64")
OURS = ("METIER_", "ORT_", "XDG_", "HF_", "OMP_")  # A fresh account has none of these.


class Guarded:
    """Runs programs with a fresh home, behind the guard."""

    def __init__(self, folder: Path):
        self.folder, self.home, self.asked = folder, folder / "home", folder / "asked.txt"
        self.home.mkdir()
        (folder / "guard").mkdir()
        (folder / "guard" / "sitecustomize.py").write_text(GUARD)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        paths = [str(self.folder / "guard"), *filter(None, [os.environ.get("PYTHONPATH")])]
        ours = {"HOME": str(self.home), "ASKED": str(self.asked), "PYTHONPATH": os.pathsep.join(paths)}
        return kept | ours | {"OMP_NUM_THREADS": "1"} | more

    def run(self, *command: str, code: int = 0, **more: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder, env=self.environment(**more), capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        assert done.returncode == code, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def check(self) -> None:
        """Fail if anything was asked of the network, or anything but our own cache stands in the home folder."""
        assert not self.asked.exists(), self.asked.read_text()
        strange = [
            str(path.relative_to(self.home))
            for path in self.home.rglob("*")
            if path.is_file() and not path.is_relative_to(self.home / ".cache" / "metier")
        ]
        assert strange == []


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, queries, small_base):
    made = Guarded(tmp_path_factory.mktemp("silent"))
    with (made.folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(zip(*queries, strict=True))
    return made


@pytest.fixture(scope="module")
def run(guarded, small_base):
    """A run of the command line whose recommended candidate answers by ONNX Runtime."""
    flags = ["--candidates", "frozen_linear", "--base", str(small_base), "--budget", "2m", "--no-refit"]
    guarded.run("-m", "metier", "train", "rows.csv", "--run", "runs/silent", "--threads", "1", *flags)
    return "runs/silent"


OPEN_A_SOCKET = "import ctypes; ctypes.CDLL(None).socket({family}, {kind}, 0)"


@pytest.mark.parametrize(
    ("family", "kind", "listens", "dies"),
    [(2, 1, "", True), (2, 2, "", True), (10, 2, "", True), (1, 1, "", False), (2, 1, "1", False), (2, 2, "1", True)],
)  # fmt: skip
def test_the_guard_kills_what_opens_a_socket_below_python(guarded, family, kind, listens, dies):
    program = OPEN_A_SOCKET.format(family=family, kind=kind)
    guarded.run("-c", program, code=-signal.SIGSYS if dies else 0, LISTENS=listens)


def test_the_guard_records_what_python_asks(tmp_path):
    own = Guarded(tmp_path)
    program = "import socket; socket.getaddrinfo('telemetry.example', 443)"
    own.run("-c", program, code=-signal.SIGSYS)
    assert "telemetry.example" in own.asked.read_text()


def test_check_train_and_predict_are_silent(guarded, run):
    guarded.run("-m", "metier", "check", "rows.csv")
    assert "frozen_linear.v1" in guarded.run("-m", "metier", "predict", run, "my card never came")
    guarded.run("-m", "metier", "predict", run, "--input", "rows.csv", "--output", "answered.csv")
    guarded.check()


def test_serving_is_silent(guarded, run):
    command = [sys.executable, "-m", "metier", "serve", run, "--port", "0", "--json"]
    with subprocess.Popen(
        command, cwd=guarded.folder, env=guarded.environment(LISTENS="1"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            line = process.stdout.readline()
            assert line, process.communicate()
            time.sleep(0.5)  # Nothing comes late from a thread.
            assert process.poll() is None, process.communicate()
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    assert json.loads(line)["serving"] == "frozen_linear.v1"
    assert process.returncode == 0
    guarded.check()


def test_python_is_silent(guarded, run):
    program = f"""
        import metier
        rows = metier.read("rows.csv")
        trained = metier.train(rows, budget="1m", candidates=["majority", "tfidf_linear"], run="runs/python")
        print(trained.best.predict(["my card never came"]).predicted)
        print(metier.load("{run}").predict(["my card never came"]).answered_by)
    """
    assert "frozen_linear.v1" in guarded.run("-c", textwrap.dedent(program))
    guarded.check()


def test_a_home_that_cannot_be_written_is_no_hindrance_to_predicting(guarded, run):
    shown = guarded.run("-m", "metier", "predict", run, "my card never came", HOME="/proc/none")
    assert "frozen_linear.v1" in shown
    guarded.check()
