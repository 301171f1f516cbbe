"""Several workers on one port: counts add up, one that dies is started anew, and all stop together."""

import json
import mmap
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from metier.errors import BundleError, CallError, MetierError
from metier.serving import ServingSettings, run_server
from metier.serving.workers import WorkerBoard, memory_of
from metier.serving.workers.task import Failed

from .conftest import wait_until

PROGRAM = """
import functools, os, sys
from metier.serving import ServingSettings, run_server
sys.path.insert(0, {folder!r})
import taught

run_server(
    functools.partial(taught.load, {fails!r}),
    port=0,
    settings=ServingSettings(workers=2, threads=1, stop_timeout_seconds=5, access_log="json"),
    when_ready=lambda started, url: print(url, len(started.memory), flush=True),
)
"""

TAUGHT = """
import os
import numpy as np
from metier.tasks.answer_batches import Answers

class Model:
    name = "taught.v1"

    def predict(self, texts):
        return Answers(np.full((len(texts), 2), 0.5), ("a", "b"), (str(os.getpid()),) * len(texts))

def load(fails):
    if fails:
        raise ValueError("no model here")
    return Model()
"""


@contextmanager
def served(tmp_path, *, fails=False):
    (tmp_path / "taught.py").write_text(TAUGHT)
    program = PROGRAM.format(folder=str(tmp_path), fails=fails)
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()


def ask(url):
    """Ask over a connection of its own; give who answered."""
    return httpx.post(f"{url}/v1/predict", json={"text": "a"}, trust_env=False, timeout=30).json()[
        "answered_by"
    ]


def figures(url):
    text = httpx.get(f"{url}/metrics", trust_env=False, timeout=30).text
    return {name: float(value) for name, value in re.findall(r"^(\S+) (\S+)$", text, re.MULTILINE)}


def test_two_workers_count_together_and_one_that_dies_is_replaced(tmp_path):
    with served(tmp_path) as process:
        url, n_memories = process.stdout.readline().split()
        assert n_memories == "2"
        by_worker = [ask(url) for _ in range(40)]
        assert len(set(by_worker)) == 2
        found = figures(url)
        asked = 'metier_http_requests_total{method="POST",path="/v1/predict",status="200"}'
        assert found[asked] == 40
        assert sum(value for name, value in found.items() if name.startswith("metier_answers_total")) == 40
        assert found["metier_queue_duration_seconds_count"] == 40
        assert found["metier_http_requests_in_flight"] == 1  # The question for the figures.
        assert (found["metier_workers"], found["metier_workers_ready"], found["metier_ready"]) == (2, 2, 1)
        assert found['metier_worker_proportional_memory_bytes{worker="1"}'] > 1e6
        os.kill(int(by_worker[0]), signal.SIGKILL)
        wait_until(lambda: figures(url)["metier_worker_restarts_total"] == 1)
        assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200  # The other one answers.
        wait_until(lambda: figures(url)["metier_workers_ready"] == 2)
        assert figures(url)[asked] == 40  # Those of the dead one count on.
        assert by_worker[0] not in {ask(url) for _ in range(20)}
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert sum(line.get("path") == "/v1/predict" for line in lines) == 60
    assert "SIGKILL" in err
    assert "Traceback" not in err


def test_a_model_that_cannot_be_loaded_ends_the_service(tmp_path):
    with served(tmp_path, fails=True) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ValueError: no model here" in err


def test_workers_end_when_their_supervisor_is_killed(tmp_path):
    with served(tmp_path) as process:
        url, _ = process.stdout.readline().split()
        workers = {ask(url) for _ in range(30)}
        process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))
        assert len(workers) == 2


def test_a_model_that_cannot_be_told_to_another_process_is_refused():
    release = threading.Event()
    other = threading.Thread(target=release.wait)  # With it, a worker is no copy of this process.
    other.start()
    try:
        with pytest.raises(CallError, match="cannot be sent to another process"):
            run_server(lambda: None, port=0, settings=ServingSettings(workers=2))
    finally:
        release.set()
        other.join()


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (BundleError("a"), MetierError, "a"),
        (CallError("b"), CallError, "b"),
        (ValueError("c"), RuntimeError, "ValueError: c"),
    ],
)
def test_failures_keep_what_they_say_and_whose_they_are(failure, kind, message):
    found = Failed.of(failure).as_error()
    assert type(found) is kind
    assert str(found) == message


def test_a_board_holds_numbers_for_every_process(tmp_path):
    board = WorkerBoard.create(tmp_path / "board", 3)
    other = WorkerBoard(tmp_path / "board")
    other.write(1, "pid", 2**40)
    other.add(2, "n_restarts")
    board.open()
    assert (board.each("pid"), board.each("n_restarts"), other.is_open) == ([0, 2**40, 0], [0, 0, 1], True)


def test_memory_is_that_of_the_process_and_shared_pages_are_divided():
    memory = memory_of(os.getpid())
    assert 0 < memory.private_bytes <= memory.proportional_bytes <= memory.resident_bytes
    with mmap.mmap(-1, 32_000_000) as kept:  # Of its own: an array may lie where another was.
        kept.write(b"x" * len(kept))
        assert memory_of(os.getpid()).private_bytes - memory.private_bytes > 0.9 * len(kept)
    assert memory_of(2**22 + 1) is None
