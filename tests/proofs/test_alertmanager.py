"""Debian's Alertmanager takes alarms of a watch, shows them, and sends them on in the form that our webhook has, too."""

import http.server
import json
import queue
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from metier.monitoring.alerts import AlertSettings, StoredAlerts
from metier.monitoring.findings import Finding
from metier.monitoring.store.watch_store import WatchStore

PROGRAM, TOOL = shutil.which("prometheus-alertmanager"), shutil.which("amtool")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (PROGRAM and TOOL), reason="needs Debian's prometheus-alertmanager: apt-get install"
    ),
]


class Inbox(http.server.ThreadingHTTPServer):
    """Puts each body that is posted into a queue, by its path."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Taker)
        self.bodies = {"/of-alertmanager": queue.Queue(), "/ours": queue.Queue()}

    def url(self, path):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies[self.path].put(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def inbox():
    server = Inbox()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def alertmanager(tmp_path, inbox):
    config = {
        "route": {"receiver": "back", "group_by": ["company"], "group_wait": "1s", "group_interval": "1s"},
        "receivers": [{"name": "back", "webhook_configs": [{"url": inbox.url("/of-alertmanager")}]}],
    }
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [
        PROGRAM, f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(f"{url}/-/ready"), what=f"Alertmanager, see {tmp_path}/log")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def wait_until(is_true, *, what, seconds=60):
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.1)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def shown(url):
    """What amtool says is firing, by company and severity."""
    command = [TOOL, f"--alertmanager.url={url}", "alert", "query", "--output=json"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout or "[]")
    return {(one["labels"]["company"], one["labels"]["severity"]) for one in found}


def surge(company, **given):
    now = datetime.now(UTC).replace(microsecond=0)
    facts = {
        "observed": 31,
        "expected": 10.0,
        "times": 3.1,
        "low": 2.2,
        "high": 4.4,
        "examples": ["Late again"],
    }
    sentence = f"company {company}: 31 messages since yesterday, where 10.0 were expected: 3.1 times as many [2.2, 4.4]."
    series = {"company": company, "主题": "物流"}
    told = {
        "since": now - timedelta(days=1),
        "raised": now - timedelta(hours=1),
        "severity": "warning",
        "facts": facts,
    }
    return Finding("surge", series, sentence, **{**told, **given})


def test_alarms_fire_grow_graver_and_end_in_alertmanager(tmp_path, alertmanager, inbox):
    receivers = [{"kind": "alertmanager", "url": alertmanager}, {"kind": "webhook", "url": inbox.url("/ours")}]
    alerts = StoredAlerts(AlertSettings(receivers=receivers, group_by=("company",), group_wait_seconds=0))
    store = WatchStore(tmp_path / "watch.sqlite")

    def tell(*findings):
        alerts.tell(store, findings, time.time())
        alerts.deliver(store, time.time())

    raised = [surge("Acme"), surge("Globex")]
    tell(*raised)
    wait_until(lambda: shown(alertmanager) == {("Acme", "warning"), ("Globex", "warning")}, what="both alarms")
    bodies = [inbox.bodies["/of-alertmanager"].get(timeout=30) for _ in range(2)]
    theirs = next(one for one in bodies if one["groupLabels"] == {"company": "Acme"})
    ours = next(
        one for one in (inbox.bodies["/ours"].get(timeout=30) for _ in range(2)) if "Acme" in one["groupKey"]
    )
    assert set(ours) == set(theirs)
    assert set(ours["alerts"][0]) == set(theirs["alerts"][0])
    for name in ("version", "status", "groupLabels", "commonLabels", "truncatedAlerts"):
        assert ours[name] == theirs[name]
    for name in ("labels", "annotations", "startsAt", "endsAt", "status"):
        assert same_moment(ours["alerts"][0][name]) == same_moment(theirs["alerts"][0][name]), name

    tell(surge("Acme", severity="critical", raised=raised[0].raised, since=raised[0].since))
    wait_until(
        lambda: shown(alertmanager) == {("Acme", "critical"), ("Globex", "warning")},
        what="the graver one alone",
    )

    tell(*(surge(name, is_over=True, raised=datetime.now(UTC)) for name in ("Acme", "Globex")))
    wait_until(lambda: shown(alertmanager) == set(), what="both to be over")
    ended = set()
    while len(ended) < 2:
        body = inbox.bodies["/of-alertmanager"].get(timeout=30)
        if body["status"] == "resolved":
            ended.add(body["groupLabels"]["company"])
    assert ended == {"Acme", "Globex"}
    store.close()


def same_moment(value):
    """Times as moments: Alertmanager writes them without milliseconds that are 0."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
