"""`metier serve` in its own process, called over HTTP, stopped by a signal."""

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from metier.bundles import ManifestFacts, load_bundle, seal
from metier.classical import TfidfLinear
from metier.predictors.loading import read_settings

LABELS = (
    "age_limit",
    "atm_support",
    "card_arrival",
    "exchange_rate",
    "lost_or_stolen_card",
    "pending_transfer",
)
LOGGED = ("--access-log", "json")
BARRED = ("torch", "transformers", "datasets", "sklearn", "scipy", "pandas", "pyarrow")
BANKING = Path(__file__).parents[2] / "examples" / "banking77"


def read_banking(split):
    with (BANKING / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    texts, labels = read_banking("train")
    pairs = list(zip(texts, labels, strict=True))
    rows = [pair for label in LABELS for pair in [p for p in pairs if p[1] == label][:50]]
    method = TfidfLinear(model="svc", C=1.0, temperature=0.2).fit([t for t, _ in rows], [y for _, y in rows])
    folder = tmp_path_factory.mktemp("sealed") / method.name
    folder.mkdir()
    method.export(folder)
    settings = read_settings(folder)
    facts = {
        "name": method.name,
        "method": method.name,
        "task": {"name": "classification", "labels": settings["labels"]},
        "predictor": {"kind": settings["kind"], "name": settings["name"]},
        "data": {"fingerprint": "ab" * 32, "origin": "train.csv", "rows": {"train": len(rows)}},
    }
    seal(folder, ManifestFacts.model_validate(facts))
    return folder


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """An environment where heavy libraries cannot be imported, and a file that names each that was tried."""
    folder = tmp_path_factory.mktemp("watched")
    tried = folder / "tried.txt"
    program = f"""
        import sys

        class Bar:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in {BARRED!r}:
                    with open({str(tried)!r}, "a") as file:
                        file.write(name + "\\n")
                    raise ImportError(name + " must not be imported to serve")

        sys.meta_path.insert(0, Bar())
    """
    (folder / "sitecustomize.py").write_text(textwrap.dedent(program))
    tried.touch()
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}, tried


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(bundle, environment, *options):
    """Run `metier serve`; give the process and a client of it once it is ready."""
    port = free_port()
    # Nobody reads stderr before the end: a line for each question whether it is ready would fill the pipe.
    quiet = ["--port", str(port), "--access-log", "off"]
    command = [sys.executable, "-m", "metier", "serve", str(bundle), *quiet, *options]
    with (
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client,
    ):
        try:
            wait_until(lambda: is_ready(process, client))
            yield process, client
        finally:
            process.kill()  # Does nothing to a process that has ended.


def is_ready(process, client):
    assert process.poll() is None, process.communicate()
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def wait_until(is_so, seconds=30):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def client(bundle, watched):
    with served(bundle, watched[0]) as (_, client):
        yield client


def figure(client, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_the_bar_holds(watched):
    done = subprocess.run([sys.executable, "-c", "import sklearn"], env=watched[0], capture_output=True)
    assert b"sklearn must not be imported" in done.stderr
    assert watched[1].read_text() == "sklearn\n"
    watched[1].write_text("")


def test_reports_that_it_is_ready(client):
    assert client.get("/readyz").json() == {"status": "ready", "asks_for": ["text"]}
    assert client.get("/healthz").json() == {"status": "alive"}


def test_answers_agree_with_the_bundle(client, bundle):
    asked = ["How old must I be?", "my card never came", "换卡", ""]
    expected = load_bundle(bundle).predict(asked)
    many = client.post("/v1/predict", json={"texts": asked}).json()
    assert [answer["label"] for answer in many["answers"]] == expected.predicted
    assert expected.predicted[:2] == ["age_limit", "card_arrival"]
    found = [answer["probability"] for answer in many["answers"]]
    assert found == pytest.approx(expected.probabilities.max(axis=1), abs=1e-6)
    one = client.post("/v1/predict", json={"text": asked[0], "top": 2}).json()
    assert one.pop("latency_ms") > 0
    chances = one.pop("probabilities")
    assert one.pop("prediction_id") > many["answers"][0].pop("prediction_id")
    assert one == many["answers"][0]
    assert len(chances) == 2
    assert next(iter(chances)) == one["label"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"{}", 422, "bad_request"),
        (b'{"text": 3}', 422, "bad_request"),
        (b'{"text": "a", "txet": "b"}', 422, "unknown_field"),
        (json.dumps({"texts": ["a"] * 1001}).encode(), 413, "too_many_rows"),
        (json.dumps({"text": "a" * 100_001}).encode(), 413, "text_too_long"),
        (b" " * 8_000_001, 413, "body_too_large"),
    ],
)
def test_a_wrong_request_gets_a_typed_error(client, body, status, code):
    answer = client.post("/v1/predict", content=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]


def test_a_wrong_path_or_method_gets_a_typed_error(client):
    assert client.get("/predict").json()["error"]["code"] == "not_found"
    assert client.get("/v1/predict").json()["error"]["code"] == "method_not_allowed"


def test_metrics_count_what_was_asked(client):
    answers = 'metier_answers_total{answered_by="tfidf_linear.v1"}'
    requests = 'metier_http_requests_total{method="POST",path="/v1/predict",status="200"}'
    before = figure(client, answers), figure(client, requests)
    client.post("/v1/predict", json={"texts": ["a", "b", "c"]})
    client.post("/v1/predict", json={"text": "a"})
    assert (figure(client, answers), figure(client, requests)) == (before[0] + 4, before[1] + 2)
    assert 'name="tfidf_linear.v1"' in client.get("/metrics").text
    assert figure(client, "process_resident_memory_bytes") < 400e6


def test_serving_imports_nothing_that_trains(client, watched):
    client.post("/v1/predict", json={"text": "my card never came"})
    assert watched[1].read_text() == ""


def test_sigterm_lets_a_request_in_flight_finish(bundle, watched):
    texts = [" ".join(f"card{i * 100 + j}" for j in range(100)) for i in range(600)]
    answered = {}

    def ask(client):
        answered["response"] = client.post("/v1/predict", json={"texts": texts})
        answered["at"] = time.monotonic()

    with served(bundle, watched[0], "--max-rows", "5000", "--threads", "1", *LOGGED) as (process, client):
        asking = threading.Thread(target=ask, args=[client])
        asking.start()
        # The question for the figures is itself one request in progress.
        wait_until(lambda: figure(client, "metier_http_requests_in_flight") == 2)
        process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        asking.join(30)
        out, err = process.communicate(timeout=120)
    assert answered["at"] > told
    assert answered["response"].status_code == 200
    assert len(answered["response"].json()["answers"]) == len(texts)
    assert process.returncode == 0
    assert out == ""
    logged = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert {"path": "/v1/predict", "status": 200, "rows": len(texts)}.items() <= logged[-1].items()
    assert "card0" not in err
    assert "Stopped" in err
    assert "Traceback" not in err


def test_ctrl_c_and_json_for_programs(bundle, watched):
    with served(bundle, watched[0], "--json") as (process, client):
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    facts = {"url": str(client.base_url).rstrip("/"), "serving": "tfidf_linear.v1", "labels": len(LABELS)}
    assert json.loads(out) == facts


def test_a_port_in_use_is_a_clear_error(bundle, watched):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "metier", "serve", str(bundle), "--port", port]
        done = subprocess.run(command, env=watched[0], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_that_was_changed_is_not_served(bundle, watched, tmp_path):
    damaged = shutil.copytree(bundle, tmp_path / "damaged")
    with (damaged / "vocabulary.json").open("a") as file:
        file.write(" ")
    command = [sys.executable, "-m", "metier", "serve", str(damaged), "--port", str(free_port())]
    done = subprocess.run(command, env=watched[0], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "vocabulary.json" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.serial
def test_an_answer_does_not_wait_for_the_callers_acknowledgement(client):
    # Without TCP_NODELAY each answer on a kept connection waits 40 ms of a delayed ACK.
    times = []
    for _ in range(31):
        begun = time.perf_counter()
        client.post("/v1/predict", json={"text": "my card never came"})
        times.append(time.perf_counter() - begun)
    assert sorted(times)[15] < 0.03
