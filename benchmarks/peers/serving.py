"""One text a request over HTTP: `metier serve` beside a transformers pipeline in FastAPI, BentoML, LitServe, MLServer.

    python -m benchmarks.peers.serving RUN [--only SIDE,...] [--rates 50,200,800] [--seconds 4] [--output FILE]

Every side serves the same ONNX file (`encoder`), and those that can take one the same cascade; the pipeline also runs the
float32 checkpoint in torch, as tutorials do. One worker on core 0, one thread; the client is on core 1. Of each side: the
seconds until it is ready, answers that equal those of the bundle, requests a second at most, microseconds of the server's
processor a request, and latencies under loads that come at random times (open loop). Peers' environments are those of
`python -m benchmarks.peers.environments serving_bentoml serving_litserve serving_mlserver serving_pipeline`.
"""

import argparse
import csv
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.environments import interpreter
from benchmarks.peers.serving_answers import FOLDER, WHAT
from benchmarks.peers.serving_load import answers_of, offer, pin, saturate
from metier.bundles import load_bundle, resolve_candidate
from metier.machine import describe_machine

PROJECT = Path(__file__).parents[2]
TEXTS = PROJECT / "examples" / "banking77" / "test.csv"
RESULT = PROJECT / "benchmarks" / "results" / "serving.json"
SERVER_CORE, CLIENT_CORE = 0, 1
COMPARED, WARM = 200, 50
START_SECONDS = 180.0
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "PYTHONWARNINGS": "ignore",
    "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}",
}


@dataclass(frozen=True)
class Side:
    """One program that serves.

    Parameters
    ----------
    peer : str
        Name of its environment; empty: ours.
    command : callable taking an interpreter, a folder of the bundle, a port and a scratch folder
    ready, path : str
        Where it says that it is ready, and where it answers.
    body : callable taking a text
    label : callable taking the answer
    what : dict of str to str
        What it is told to serve, by workload.
    is_pinned : bool
        Whether it is kept on one core.
    """

    peer: str
    command: Callable[[str, Path, int, Path], list[str]]
    ready: str
    what: dict[str, str]
    path: str = "/predict"
    body: Callable[[str], Any] = lambda text: {"text": text}
    label: Callable[[Any], str] = lambda answer: str(answer["label"])
    is_pinned: bool = True


def _metier(python: str, folder: Path, port: int, place: Path) -> list[str]:
    flags = ["--port", str(port), "--threads", "1", "--access-log", "off", "--json"]
    return [python, "-m", "metier", "serve", str(folder), *flags]


def _module(name: str) -> Callable[[str, Path, int, Path], list[str]]:
    return lambda python, folder, port, place: [python, "-m", f"benchmarks.peers.{name}", str(port)]


def _bentoml(python: str, folder: Path, port: int, place: Path) -> list[str]:
    served = ["benchmarks.peers.serving_bentoml:Texts", "--working-dir", str(PROJECT)]
    return [python, "-m", "bentoml", "serve", *served, "--host", "127.0.0.1", "--port", str(port)]


def _mlserver(python: str, folder: Path, port: int, place: Path) -> list[str]:
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "host": "127.0.0.1"}
    settings = {"debug": False, "parallel_workers": 0, **ports}
    model = {"name": "texts", "implementation": "benchmarks.peers.serving_mlserver.Texts"}
    (place / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (place / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    return [str(Path(python).with_name("mlserver")), "start", str(place)]


def _v2(text: str) -> Any:
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]}


BOTH = {"encoder": "encoder", "cascade": "cascade"}
SIDES = {
    "metier serve": Side("", _metier, "/readyz", BOTH, path="/v1/predict"),
    "pipeline (torch)": Side("serving_pipeline", _module("serving_pipeline"), "/ready", {"encoder": "torch"}),
    "pipeline (ONNX)": Side("serving_pipeline", _module("serving_pipeline"), "/ready", {"encoder": "encoder"}),
    "BentoML": Side("serving_bentoml", _bentoml, "/readyz", BOTH),
    "LitServe": Side("serving_litserve", _module("serving_litserve"), "/health", BOTH),
    "MLServer": Side(
        "serving_mlserver",
        _mlserver,
        "/v2/health/ready",
        BOTH,
        path="/v2/models/texts/infer",
        body=_v2,
        label=lambda answer: str(answer["outputs"][0]["data"][0]),
    ),
}
WORKLOADS = ("encoder", "cascade")


def main() -> None:
    """Measure every side on every workload, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--only", default=",".join(SIDES), help="Sides.")
    parser.add_argument("--rates", default="50,200,800", help="Requests a second that are offered.")
    parser.add_argument("--seconds", type=float, default=4.0, help="Of each load.")
    parser.add_argument("--output", type=Path, default=RESULT)
    asked = parser.parse_args()
    rates = [float(rate) for rate in asked.rates.split(",")]
    names = [name for name in SIDES if name in asked.only.split(",")]
    begun, found = os.getloadavg()[0], dict[str, dict[str, Any]]()
    pin(CLIENT_CORE)
    for workload in WORKLOADS:
        folder = resolve_candidate(asked.run, f"{workload}.v1")
        for name in names:
            if workload not in SIDES[name].what:
                continue
            figures = measured(SIDES[name], workload, folder, rates, asked.seconds)
            found.setdefault(workload, {})[name] = figures
            print(f"{workload} {name}: {json.dumps(figures)}", flush=True)
    result = {
        "command": "python -m benchmarks.peers.serving RUN",
        "seconds": asked.seconds,
        "load_average": [round(begun, 1), round(os.getloadavg()[0], 1)],
        "machine": describe_machine().as_dict(),
        "workloads": found,
    }
    asked.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def measured(side: Side, workload: str, folder: Path, rates: Sequence[float], seconds: float) -> dict[str, Any]:
    """Start one side, and ask it in every way."""
    python = sys.executable if not side.peer else str(interpreter(side.peer) or "")
    if not python:
        return {"failed": f"no environment {side.peer}"}
    texts = read_texts()
    bodies = [json.dumps(side.body(text)).encode() for text in texts]
    expected = load_bundle(folder).predict(texts[:COMPARED]).predicted
    try:
        with started(side, side.what[workload], python, folder) as (process, port, ready):
            answers_of(port, side.path, bodies[:WARM])
            given = [side.label(one) for one in answers_of(port, side.path, bodies[:COMPARED])]
            facts = {"ready_seconds": round(ready, 2), "memory_mb": round(memory(process) / 1e6, 1)}
            facts["equal_answers"] = sum(map(str.__eq__, given, expected)) / COMPARED
            return (
                facts
                | at_most(process, port, side, bodies, seconds)
                | {
                    "loads": [offer(port, side.path, bodies, rate=rate, seconds=seconds) for rate in rates],
                    "memory_after_mb": round(memory(process) / 1e6, 1),
                }
            )
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        return {"failed": f"{type(error).__name__}: {error}"[:300]}


def at_most(
    process: psutil.Process, port: int, side: Side, bodies: Sequence[bytes], seconds: float
) -> dict[str, Any]:
    """Ask as fast as answers come; gives requests a second of the clock, and of the server's processor."""
    before = processor_seconds(process)
    found = saturate(port, side.path, bodies, seconds=seconds)
    spent = processor_seconds(process) - before
    return {
        "requests_per_second": found["requests_per_second"],
        "server_cpu_us_a_request": round(1e6 * spent / max(1, found["requests"])),
    }


@contextmanager
def started(side: Side, what: str, python: str, folder: Path) -> Iterator[tuple[psutil.Process, int, float]]:
    """Start a server on a core of its own; gives its process, its port and the seconds until it said that it is ready."""
    port, begun = free_port(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="serving-") as scratch, tempfile.TemporaryFile("w+") as said:
        place = Path(scratch)
        environment = {**os.environ, **ENVIRONMENT, WHAT: what, FOLDER: str(folder)}
        process = subprocess.Popen(
            side.command(python, folder, port, place),
            cwd=place,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        if side.is_pinned:
            os.sched_setaffinity(process.pid, {SERVER_CORE})  # Its children have it from there.
        try:
            while not is_ready(port, side.ready):
                if process.poll() is not None or time.perf_counter() - begun > START_SECONDS:
                    said.seek(0)
                    raise RuntimeError((said.read().strip().splitlines() or ["not ready in time"])[-1])
                time.sleep(0.02)
            yield psutil.Process(process.pid), port, time.perf_counter() - begun
        finally:
            stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a server and all that it started."""
    os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def is_ready(port: int, path: str) -> bool:
    """Whether a server says so."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started."""
    return [process, *process.children(recursive=True)]


def memory(process: psutil.Process) -> int:
    """Memory of a server, what its processes share counted once."""
    return sum(one.memory_full_info().pss for one in family(process))


def processor_seconds(process: psutil.Process) -> float:
    """Seconds of the processor that a server took until now."""
    times = [one.cpu_times() for one in family(process)]
    return sum(one.user + one.system for one in times)


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def read_texts() -> list[str]:
    """Texts of the test rows."""
    with TEXTS.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()
