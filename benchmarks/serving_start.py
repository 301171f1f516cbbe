"""`metier serve`: time until it is ready, memory, and what HTTP adds to an answer.

A process is started several times and asked `/readyz` until it says 200; its memory is read then and again after
the requests. Requests go one after the other over one connection, each followed by the same text asked in this
process, so that a busy moment hits both. Without a bundle, the linear method is trained on banking77 first.

    python -m benchmarks.serving_start [RUN_OR_BUNDLE] [--starts 5] [--requests 1000]
"""

import argparse
import csv
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# One thread each; read when numpy is first imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import psutil  # noqa: E402

from metier.bundles import ManifestFacts, load_bundle, resolve_bundle, seal  # noqa: E402
from metier.machine import describe_machine  # noqa: E402
from metier.predictors.loading import read_settings  # noqa: E402

EXAMPLES = Path(__file__).parents[1] / "examples" / "banking77"
AIM = {"ready_seconds": 2.0, "memory_mb": 300.0}
WARM_REQUESTS = 50


def main() -> None:
    """Start, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", nargs="?", help="Default: the linear method, trained on banking77.")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = resolve_bundle(options.bundle) if options.bundle else train_linear(Path(folder) / "linear")
        facts = measure(bundle, options.starts, options.requests)
    print(json.dumps(facts, indent=1, ensure_ascii=False))


def measure(bundle: Path, starts: int, requests: int) -> dict[str, Any]:
    """Start servers, then ask one."""
    started = [time_start(bundle) for _ in range(starts)]
    return {
        "serving": load_bundle(bundle).name,
        "bundle_mb": round(sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) / 1e6, 1),
        "starts": starts,
        "ready_seconds": spread([start["ready_seconds"] for start in started]),
        "ready_processor_seconds": spread([start["processor_seconds"] for start in started]),
        "bare_python_seconds": spread([time_bare_python() for _ in range(starts)]),
        "memory_when_ready_mb": spread([start["memory_mb"] for start in started]),
        **time_requests(bundle, requests),
        "aim": AIM,
        "load_average": round(os.getloadavg()[0], 2),
        "machine": describe_machine().as_dict(),
    }


def train_linear(folder: Path) -> Path:
    """Train, export and seal the linear method on all of banking77."""
    from metier.classical import TfidfLinear  # scikit-learn; a bundle that is given needs none of it.

    texts, labels = read("train.csv")
    folder.mkdir()
    TfidfLinear(model="svc", C=1.0, temperature=0.2).fit(texts, labels).export(folder)
    settings = read_settings(folder)
    facts = {
        "name": settings["name"],
        "task": {"name": "classification", "labels": settings["labels"]},
        "method": settings["name"],
        "predictor": {"kind": settings["kind"], "name": settings["name"]},
        "data": {"fingerprint": "00" * 32, "origin": "train.csv", "rows": {"train": len(texts)}},
    }
    seal(folder, ManifestFacts.model_validate(facts))
    return folder


def read(name: str) -> tuple[list[str], list[str]]:
    """Texts and labels of a file of banking77."""
    with (EXAMPLES / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


@contextmanager
def served(bundle: Path, *options: str) -> Iterator[tuple[psutil.Process, int, float]]:
    """Start a server; give its process, its port and the seconds until it was ready."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "metier", "serve", str(bundle), "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        # The line is printed once the model is loaded; the probe that follows is what a balancer would see.
        line = process.stdout.readline()
        port = int(json.loads(line)["url"].rpartition(":")[2])
        while ask("GET", port, "/readyz") != 200:
            time.sleep(0.005)
        yield psutil.Process(process.pid), port, time.perf_counter() - begun
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def ask(method: str, port: int, path: str) -> int:
    """Ask over a connection of its own; give the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    status = connection.getresponse().status
    connection.close()
    return status


def time_start(bundle: Path) -> dict[str, float]:
    """Seconds from the start of the process to its first 200 on /readyz, and what it has used by then.

    On a busy machine the processor's seconds say what an idle one would take.
    """
    with served(bundle) as (process, _, seconds):
        used = process.cpu_times()
        return {
            "ready_seconds": seconds,
            "processor_seconds": used.user + used.system,
            "memory_mb": process.memory_info().rss / 1e6,
        }


def time_bare_python() -> float:
    """Seconds that an interpreter takes which does nothing: what no server can start without."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begun


def time_requests(bundle: Path, requests: int) -> dict[str, Any]:
    """Milliseconds of each request over HTTP and of the same text in this process, by turns."""
    test_texts, _ = read("test.csv")
    order = np.random.default_rng(0).permutation(len(test_texts))
    texts = [test_texts[row] for row in order[: requests + WARM_REQUESTS]]
    model = load_bundle(bundle)
    over_http, in_process, stated = [], [], []
    with served(bundle) as (process, port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for number, text in enumerate(texts):
            body = json.dumps({"text": text})
            begun = time.perf_counter()
            connection.request("POST", "/v1/predict", body)
            answer = json.loads(connection.getresponse().read())
            answered = time.perf_counter()
            answers = model.predict([text])
            done = time.perf_counter()
            assert answer["label"] == answers.predicted[0]
            if number >= WARM_REQUESTS:
                over_http.append(1000 * (answered - begun))
                in_process.append(1000 * (done - answered))
                stated.append(answer["latency_ms"])
        connection.close()
        memory_mb = process.memory_info().rss / 1e6
    return {
        "requests": len(over_http),
        "http_ms": quantiles(over_http),
        "in_process_ms": quantiles(in_process),
        "latency_ms_stated_by_server": quantiles(stated),
        "http_adds_ms_median": round(
            statistics.median(a - b for a, b in zip(over_http, in_process, strict=True)), 3
        ),
        "memory_after_requests_mb": round(memory_mb, 1),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {
        "median": round(statistics.median(values), 3),
        "least": round(min(values), 3),
        "most": round(max(values), 3),
    }


def quantiles(values: list[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    p50, p95 = np.quantile(values, [0.5, 0.95])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3)}


if __name__ == "__main__":
    main()
