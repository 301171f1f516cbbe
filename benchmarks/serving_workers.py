"""`metier serve --workers`: the memory of one, two and three workers, and how connections spread over them.

Memory is proportional (PSS), where a page that several processes map counts for each in part: the sums of all processes
add up to what the service takes. It is read after some hundred requests. Connections are opened all at once, and one
after the other; each asks once and stays open.

    python -m benchmarks.serving_workers [RUN_OR_BUNDLE] [--most 3] [--connections 64]
"""

import argparse
import itertools
import json
import os
import socket
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import psutil  # noqa: E402

from benchmarks.serving_overhead import as_request, ask, test_texts  # noqa: E402
from benchmarks.serving_start import served, train_linear  # noqa: E402
from metier.bundles import load_bundle, resolve_bundle  # noqa: E402
from metier.serving.workers import memory_of  # noqa: E402

AIM = {"first_mb": 300, "each_further_mb": 60}
REQUESTS = 300


def main() -> None:
    """Start, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", nargs="?", help="Default: the linear method, trained on banking77.")
    parser.add_argument("--most", type=int, default=3, help="Workers.")
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = resolve_bundle(options.bundle) if options.bundle else train_linear(Path(folder) / "linear")
        found = [measure(bundle, n, options.connections) for n in range(1, options.most + 1)]
    totals = [one["proportional_mb"] for one in found]
    further = [round(later - before, 1) for before, later in itertools.pairwise(totals[1:])]
    facts = {"serving": load_bundle(bundle).name, "by_workers": found, "each_further_mb": further, "aim": AIM}
    print(json.dumps(facts, indent=1))


def measure(bundle: Path, n_workers: int, n_connections: int) -> dict[str, Any]:
    """Start so many workers and ask them."""
    with served(bundle, "--workers", str(n_workers), "--threads", "1") as (process, port, ready_seconds):
        requests = [as_request(text, port) for text in test_texts(REQUESTS)]
        for request in requests:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                ask(connection, request)
        pids = [process.pid, *(child.pid for child in process.children())]
        memory = [memory_of(pid) for pid in pids]
        at_once = spread(port, pids, requests[:n_connections], pause_seconds=0)
        in_turn = spread(port, pids, requests[:n_connections], pause_seconds=0.01)
    return {
        "workers": n_workers,
        "ready_seconds": round(ready_seconds, 2),
        "proportional_mb": round(sum(one.proportional_bytes for one in memory) / 1e6, 1),
        "resident_mb_of_each": [round(one.resident_bytes / 1e6, 1) for one in memory],
        "own_mb_of_each": [round(one.private_bytes / 1e6, 1) for one in memory],
        "connections_opened_at_once": at_once,
        "connections_opened_in_turn": in_turn,
    }


def spread(port: int, pids: list[int], requests: list[bytes], *, pause_seconds: float) -> list[int]:
    """Open a connection for each request, ask once, and give how many each process has."""
    connections = []
    for _ in requests:
        connections.append(socket.create_connection(("127.0.0.1", port), timeout=10))
        time.sleep(pause_seconds)
    for connection, request in zip(connections, requests, strict=True):
        ask(connection, request)
    held = Counter(
        {pid: sum(one.status == "ESTABLISHED" for one in psutil.Process(pid).net_connections()) for pid in pids}
    )
    for connection in connections:
        connection.close()
    return sorted(held.values(), reverse=True)


if __name__ == "__main__":
    main()
