import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import httpx
import numpy as np
import pytest

from metier.serving import ServingSettings
from metier.serving.server import Server
from metier.tasks.answer_batches import Answers

LABELS = ("card_arrival", "refund", "换卡")


class TaughtAnswers:
    """A stand-in at the seam of `Answering`: what it answers follows from the text, and it can be held up."""

    def __init__(self):
        self.release = threading.Event()
        self.release.set()
        self.asked = 0

    def predict(self, texts):
        self.asked += len(texts)
        if "wait" in texts:
            assert self.release.wait(30)
        if texts[0].startswith("break"):
            raise ZeroDivisionError(texts[0])  # As libraries do: the message quotes the row.
        scores = np.array([[1.0 + text.count("card"), 1.0 + text.count("refund"), 0.5] for text in texts])
        return Answers(scores / scores.sum(axis=1, keepdims=True), LABELS, ("tfidf_linear.v1",) * len(texts))


@contextmanager
def running(app, settings):
    """Serve an app on a free port with a real server; give a client of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(app, settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with httpx.Client(base_url=address, timeout=120, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def model():
    return TaughtAnswers()


@pytest.fixture
def start():
    """Start a real server over an app and give a client of it once the model is loaded."""
    with ExitStack() as stack:

        def _start(app, settings=None, *, until=200):
            client = stack.enter_context(running(app, settings or ServingSettings()))
            wait_until(lambda: client.get("/readyz").status_code == until)
            return client

        yield _start


def wait_until(is_so, seconds=20):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        time.sleep(0.01)
