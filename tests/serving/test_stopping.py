"""A service that is asked to stop: what is asked anew is refused, what is being answered is finished, and counted."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from metier.cli.serve import _stop_line
from metier.serving import ServingSettings, build_app
from metier.serving.server import Server
from metier.serving.traffic import Stopped

from .conftest import wait_until
from .test_limits import half_body, open_raw


class Serving:
    """A service in a thread, which can be asked to stop."""

    def __init__(self, model, settings):
        self.app = build_app(lambda: model, settings)
        self.server = Server(self.app, settings)
        listening = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]})
        self.thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.client = httpx.Client(base_url=address, timeout=120, trust_env=False)
        wait_until(lambda: self.client.get("/readyz").status_code == 200)

    def ask(self, text):
        try:
            return self.client.post("/v1/predict", json={"text": text})
        except httpx.TransportError as failure:
            return failure

    def stop(self):
        self.server.should_exit = True
        wait_until(lambda: self.server.traffic.is_stopping)

    def wait(self):
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.client.close()
        traffic = self.server.traffic
        return traffic.n_finished, traffic.n_refused, traffic.n_dropped


@pytest.fixture
def serve(model):
    running = []

    def _serve(**limits):
        running.append(Serving(model, ServingSettings(threads=1, **limits)))
        return running[-1]

    yield _serve
    model.release.set()
    for serving in running:
        serving.server.should_exit = True
        serving.thread.join(20)


def in_flight(serving, n):
    return lambda: f"metier_http_requests_in_flight {n + 1}.0" in serving.client.get("/metrics").text


def test_what_is_being_answered_is_finished_and_what_is_new_is_refused(serve, model):
    serving = serve()
    model.release.clear()
    with ThreadPoolExecutor(8) as callers:
        waiting = [callers.submit(serving.ask, "wait") for _ in range(5)]
        wait_until(in_flight(serving, 5))
        serving.stop()
        refused = serving.ask("card")
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "stopping"
        assert refused.headers["connection"] == "close"
        assert refused.headers["retry-after"] == "1"
        assert serving.client.get("/healthz").status_code == 200
        assert serving.client.get("/readyz").status_code == 503
        model.release.set()
        assert [asked.result().status_code for asked in waiting] == [200] * 5
    assert serving.wait() == (5, 1, 0)


def test_what_is_not_done_in_time_gets_503_and_is_counted(serve, model, caplog):
    serving = serve(stop_timeout_seconds=1)
    model.release.clear()
    with ThreadPoolExecutor(8) as callers:
        waiting = [callers.submit(serving.ask, "wait") for _ in range(5)]
        wait_until(in_flight(serving, 5))
        serving.stop()
        begun = time.monotonic()
        answers = [asked.result() for asked in waiting]
    assert serving.wait() == (0, 0, 5)
    assert time.monotonic() - begun < 4
    assert [answer.status_code for answer in answers] == [503] * 5
    assert {answer.json()["error"]["code"] for answer in answers} == {"stopping"}
    assert serving.app.state.models.is_busy  # The thread goes on for nobody: the process need not wait for it.
    assert "Traceback" not in caplog.text


def test_a_half_sent_body_does_not_delay_stopping(serve):
    serving = serve()
    half = open_raw(serving.client, half_body(10))
    whole = open_raw(serving.client, half_body(0, 16))
    silent = open_raw(serving.client, b"POST /v1/pre")
    wait_until(in_flight(serving, 2))
    begun = time.monotonic()
    serving.stop()
    whole.sendall(b'{"text": "card"}')  # What comes in a moment is still answered.
    assert whole.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert half.recv(65536).startswith(b"HTTP/1.1 503 ")
    assert serving.wait() == (1, 1, 0)
    assert time.monotonic() - begun < 4
    for connection in (half, whole, silent):
        connection.close()


def test_a_stream_that_does_not_end_is_cut_and_counted(serve, model):
    serving = serve(stop_timeout_seconds=1)
    written = threading.Event()

    def for_ever(item):
        try:
            while True:
                time.sleep(0.01)
                yield "word "
        finally:
            written.set()

    model.can_stream, model.stream = True, for_ever
    asked = {"text": "card", "stream": True}
    with serving.client.stream("POST", "/v1/predict", json=asked) as response:
        pieces = response.iter_lines()
        assert next(pieces).startswith("data: ")
        serving.stop()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    assert serving.wait() == (0, 0, 1)
    assert written.wait(5)


PROGRAM = """
import sys
from metier.serving import run_server

def load():
    with open(sys.argv[1]) as never_written:
        never_written.read()

print("loading", flush=True)
print(run_server(load, port=0))
"""


def test_sigterm_while_loading_ends_the_process_at_once(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = [sys.executable, "-c", PROGRAM, str(fifo)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "loading\n"
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)  # Ignored, the fifo would be read for ever.
        finally:
            process.kill()
    assert process.returncode == 0
    assert "is_busy=True" in out
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("stopped", "line"),
    [
        (Stopped(), "Stopped; all running requests were answered."),
        (
            Stopped(n_finished=3, n_refused=2),
            "Stopped; all running requests were answered. 2 requests that came later got 503.",
        ),
        (
            Stopped(n_finished=38, n_dropped=7),
            "Stopped; 7 requests got 503 instead of an answer, because the time to stop was over. "
            "38 requests got an answer.",
        ),
    ],
)
def test_the_last_line_says_what_was_dropped(stopped, line):
    assert _stop_line(stopped) == line
