"""`metier serve`: what a request costs beyond its answer, and how long it takes at several loads.

Overhead: processor time of the server for each of some thousand requests over one kept connection, read from the
scheduler in nanoseconds, less the processor time of the same texts asked of the same bundle in this process. Latency:
requests come at random moments at a given rate, whether or not earlier ones are answered (open loop), and each counts
from the moment it was due, so that waiting shows. The client's own processor time is measured beside it.

    python -m benchmarks.serving_overhead [RUN_OR_BUNDLE] [--workers 1] [--requests 3000] [--rates 100,300,600]
"""

import argparse
import asyncio
import json
import os
import socket
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

from benchmarks.serving_start import quantiles, read, served, spread, train_linear  # noqa: E402
from metier.bundles import load_bundle, resolve_bundle  # noqa: E402
from metier.machine import describe_machine  # noqa: E402

AIM = {"overhead_microseconds": 150, "ready_seconds": 2.0}
WARM_REQUESTS = 200
LOAD_SECONDS = 10
CONNECTIONS = 64


def main() -> None:
    """Start, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", nargs="?", help="Default: the linear method, trained on banking77.")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="Of each worker.")
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--rates", default="100,300,600", help="Requests a second.")
    parser.add_argument("--seconds", type=int, default=LOAD_SECONDS, help="Of each load.")
    parser.add_argument("--starts", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = resolve_bundle(options.bundle) if options.bundle else train_linear(Path(folder) / "linear")
        facts = measure(bundle, options)
    print(json.dumps(facts, indent=1, ensure_ascii=False))


def measure(bundle: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Start servers and ask them."""
    workers = ["--workers", str(options.workers), "--threads", str(options.threads)]
    ready = []
    for _ in range(options.starts):
        with served(bundle, *workers) as (_, _, seconds):
            ready.append(seconds)
    with served(bundle, *workers) as (process, port, _):
        overhead = measure_overhead(bundle, process.pid, port, options.requests)
        loads = [measure_load(port, float(rate), options.seconds) for rate in options.rates.split(",")]
    return {
        "serving": load_bundle(bundle).name,
        "workers": options.workers,
        "ready_seconds": spread(ready),
        **overhead,
        "loads": loads,
        "aim": AIM,
        "load_average": round(os.getloadavg()[0], 2),
        "machine": describe_machine().as_dict(),
    }


def measure_overhead(bundle: Path, pid: int, port: int, n_requests: int) -> dict[str, float]:
    """Microseconds of processor that the server takes for a request, and that the bare predictor takes for its text."""
    texts = test_texts(n_requests + WARM_REQUESTS)
    requests = [as_request(text, port) for text in texts]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for request in requests[:WARM_REQUESTS]:
            ask(connection, request)
        before, begun = processor_seconds(pid), time.process_time()
        for request in requests[WARM_REQUESTS:]:
            ask(connection, request)
        client_seconds, server_seconds = time.process_time() - begun, processor_seconds(pid) - before
    model = load_bundle(bundle)
    for text in texts[:WARM_REQUESTS]:
        model.predict([text])
    begun = time.process_time()
    for text in texts[WARM_REQUESTS:]:
        model.predict([text])
    bare_seconds = time.process_time() - begun
    return {
        "requests": n_requests,
        "server_microseconds": round(1e6 * server_seconds / n_requests),
        "bare_predictor_microseconds": round(1e6 * bare_seconds / n_requests),
        "overhead_microseconds": round(1e6 * (server_seconds - bare_seconds) / n_requests),
        "client_microseconds": round(1e6 * client_seconds / n_requests),
    }


def ask(connection: socket.socket, request: bytes) -> None:
    """Send a request, in one packet as curl does, and read the answer."""
    connection.sendall(request)
    answer = connection.recv(65_536)
    while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
        answer += connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200"), answer


def test_texts(number: int) -> list[str]:
    """Texts of the test rows of banking77, in a random order, again from the start where there are too few."""
    texts, _ = read("test.csv")
    order = np.random.default_rng(0).permutation(len(texts))
    return [texts[order[row % len(texts)]] for row in range(number)]


def processor_seconds(pid: int) -> float:
    """Processor time of all threads of a process and of its children, from the scheduler: exact to the nanosecond."""
    own = sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
    children = " ".join((task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir())
    return own / 1e9 + sum(processor_seconds(int(child)) for child in children.split())


class Caller(asyncio.Protocol):
    """A kept connection that has one request at a time under way."""

    def __init__(self, idle: "deque[Caller]", answered: "list[float]"):
        self.idle, self.answered, self.due, self.body = idle, answered, 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to send."""
        self.transport = transport

    def send(self, request: bytes, due: float) -> None:
        """Ask."""
        self.due, self.body = due, b""
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note the time once the answer is whole."""
        self.body += data
        head, found, rest = self.body.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) >= length:
            seconds = asyncio.get_running_loop().time() - self.due
            self.answered.append(seconds if head.startswith(b"HTTP/1.1 200") else -seconds)
            self.idle.append(self)


def measure_load(port: int, rate: float, seconds: int) -> dict[str, Any]:
    """Ask so many requests a second, at random moments, for so long."""
    requests = [as_request(text, port) for text in test_texts(int(rate * seconds))]
    moments = np.cumsum(np.random.default_rng(1).exponential(1 / rate, len(requests)))
    begun, used = time.perf_counter(), time.process_time()
    answered = asyncio.run(call(port, requests, moments.tolist()))
    client_seconds, wall_seconds = time.process_time() - used, time.perf_counter() - begun
    good = [1000 * one for one in answered if one > 0]
    return {
        "rate": rate,
        "answered": len(good),
        "refused": len(answered) - len(good),
        "missing": len(requests) - len(answered),
        "latency_ms": quantiles(good) | {"p99": round(float(np.quantile(good, 0.99)), 3)},
        "client_share_of_a_core": round(client_seconds / wall_seconds, 3),
    }


def as_request(text: str, port: int) -> bytes:
    """Give the bytes of a request."""
    body = json.dumps({"text": text}).encode()
    return b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n%b" % (
        port,
        len(body),
        body,
    )


async def call(port: int, requests: Sequence[bytes], moments: Sequence[float]) -> list[float]:
    """Send each request at its moment over a connection that is idle; give the seconds, negative where it was refused."""
    loop, idle, answered = asyncio.get_running_loop(), deque[Caller](), list[float]()
    callers = [
        (await loop.create_connection(lambda: Caller(idle, answered), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    idle.extend(callers)
    begun = loop.time()
    for request, moment in zip(requests, moments, strict=True):
        while (left := begun + moment - loop.time()) > 0:
            await asyncio.sleep(left)
        while not idle:  # It is late by now, and the time that it was due counts on.
            await asyncio.sleep(0.0005)
        idle.popleft().send(request, begun + moment)
    deadline = loop.time() + 30
    while len(idle) < len(callers) and loop.time() < deadline:
        await asyncio.sleep(0.001)
    for caller in callers:
        caller.transport.close()
    return answered


if __name__ == "__main__":
    main()
