"""Kill a worker of `metier predict --on ray`, then everything, go on with --resume, and count the answers.

    python scripts/kill_on_ray.py BUNDLE [--rows 120000]

Run by an interpreter that has Ray, on a local cluster of two workers. Printed: the rows that were done at the kill, and how
many rows came out. The exit code is 1 if a row is lost, doubled or at another place.
"""

import argparse
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from metier.storage import parts_of

WORKER = "MapWorker"
PATIENCE_SECONDS = 300


def call(bundle: Path, rows: Path, output: Path) -> "subprocess.Popen[bytes]":
    """Begin to predict, or go on."""
    files = ["--input", str(rows), "--output", str(output), "--resume", "--on", "ray", "--workers", "2"]
    command = [sys.executable, "-m", "metier", "predict", str(bundle), *files]
    return subprocess.Popen(command, start_new_session=True)  # noqa: S603


def n_done(output: Path) -> int:
    """How many parts are answered."""
    folder = parts_of(output.with_name(f"{output.name}.ray"))
    return sum(path.name.isdigit() for path in folder.iterdir()) if folder.is_dir() else 0


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what a busy machine does late."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > ends:
            raise SystemExit("not in time")
        time.sleep(0.05)


def kill_a_worker(process: "subprocess.Popen[bytes]") -> None:
    """Kill one process that answers."""
    for one in psutil.Process(process.pid).children(recursive=True):
        if WORKER in " ".join(one.cmdline()):
            one.kill()
            return
    raise SystemExit("no worker was found")


def main() -> None:
    """Write rows, kill, go on, count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rows", type=int, default=120_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kill-on-ray-") as place:
        rows, output = Path(place) / "rows.csv", Path(place) / "out.csv"
        with rows.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(["text", "id"])
            csv.writer(file).writerows((f"my card {n} never came", n) for n in range(asked.rows))
        process = call(asked.bundle, rows, output)
        wait_until(lambda: n_done(output) >= 3)
        kill_a_worker(process)
        wait_until(lambda: n_done(output) >= 7)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        print(f"killed a worker after 3 parts, everything after {n_done(output)}", flush=True)
        code = call(asked.bundle, rows, output).wait()
        with output.open(encoding="utf-8", newline="") as file:
            found = [int(row["id"]) for row in csv.DictReader(file)]
    print(f"exit code {code}; {len(found)} of {asked.rows} rows came out")
    sys.exit(0 if code == 0 and found == list(range(asked.rows)) else 1)


if __name__ == "__main__":
    main()
