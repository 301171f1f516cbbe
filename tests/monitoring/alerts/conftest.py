"""A store with the tables of a watch, findings, and a web server that keeps what is sent to it."""

import http.server
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from metier.errors import WatchStoreError
from metier.monitoring.findings import Finding
from metier.monitoring.store.tables import METADATA
from metier.registry.database import open_database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path}/watch.sqlite", METADATA, what="watch", error=WatchStoreError)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def surge():
    def made(company="Acme", **changed):
        given = {
            "kind": "surge",
            "series": {"company": company, "topic": "delivery"},
            "sentence": f"{company}, delivery: 3.1 times as many messages as expected [2.2, 4.4].",
            "since": NOON - timedelta(days=2),
            "raised": NOON,
            "severity": "warning",
            "facts": {
                "observed": 31,
                "expected": 10.0,
                "times": 3.1,
                "low": 2.2,
                "high": 4.4,
                "examples": [
                    "The parcel never came <script>alert(1)</script>",
                    "Write to bob@example.com, late again",
                ],
            },
        }
        return Finding(**{**given, **changed})

    return made


class Inbox(http.server.ThreadingHTTPServer):
    """Keeps requests; answers with the statuses of `answers`, then with 200."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Taker)
        self.requests, self.answers, self.headers = [], [], {}
        self.released = threading.Event()  # A status of 0 hangs until then.

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def bodies(self):
        return [json.loads(one["body"]) for one in self.requests]


class Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.server.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
        if not status:
            self.server.released.wait(30)
            return
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        said = b"ok" if status < 300 else f"no: {self.headers.get('authorization')} {self.path}".encode()
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


@pytest.fixture
def inbox():
    server = Inbox()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()
