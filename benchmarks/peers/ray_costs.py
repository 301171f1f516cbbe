"""What Ray costs a row and a request on this machine, and a model of 100 workers from these parts.

    python -m benchmarks.peers.ray_costs BUNDLE [--rows 60000] [--seconds 5] [--output FILE]

Run by an interpreter that has Ray. Measured: cutting, answering and joining without Ray; the same file on a local cluster
of two workers; requests to `metier serve` and to `metier serve --on ray` with one replica. A model of 100 workers follows
from them: start, cutting and joining are done once, by one process; answering is divided. It was not measured.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.serving import PROJECT, SIDES, Side, at_most, read_texts, started
from benchmarks.peers.serving_load import answers_of
from metier.bundles import load_bundle, resolve_bundle
from metier.cli.answered_files import Kept, Wanted
from metier.cli.cut_files import Job, answer_in_parts, answer_part
from metier.cli.on_ray import part_on_ray

sys.path.insert(0, str(PROJECT / "scripts"))
from scale import _write, mixed_rows

RESULT = PROJECT / "benchmarks" / "results" / "ray_costs.json"
WORKERS, MODELLED = 2, 100
COLUMNS = {"text": "text", "encoding": None, "delimiter": None}


def main() -> None:
    """Measure, model, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--output", type=Path, default=RESULT)
    asked = parser.parse_args()
    folder, begun = resolve_bundle(asked.bundle), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="ray-costs-") as scratch:
        rows = Path(scratch) / "rows.csv"
        _write(rows, ["text", "label"], islice(mixed_rows(), asked.rows))
        alone, spread = without_ray(folder, rows), on_ray(folder, rows)
    result = {
        "command": "python -m benchmarks.peers.ray_costs BUNDLE",
        "rows": asked.rows,
        "without_ray": alone,
        "two_workers": spread,
        "requests": {name: requests(side, folder, asked.seconds) for name, side in sides().items()},
        "model_of_100_workers": [modelled(alone, spread, n) for n in (1_000_000, 100_000_000)],
        "load_average": [round(begun, 1), round(os.getloadavg()[0], 1)],
    }
    asked.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def without_ray(folder: Path, rows: Path) -> dict[str, float]:
    """Cut, answer and join in this process; processor seconds of each."""
    model, spent = load_bundle(folder), {"answering": 0.0}

    def answer(job: Job, parts: Sequence[int]) -> Iterator[int]:
        begun, done = time.process_time(), 0
        for part in parts:
            done += answer_part(model, job, part)
            yield done
        spent["answering"] += time.process_time() - begun

    begun = time.process_time()
    facts = answered(model, folder, rows, answer)
    whole = time.process_time() - begun
    return {
        "answering_us_a_row": round(1e6 * spent["answering"] / facts["rows"], 2),
        "cutting_and_joining_us_a_row": round(1e6 * (whole - spent["answering"]) / facts["rows"], 2),
    }


def answered(model: Any, folder: Path, rows: Path, answer: Callable[..., Iterator[int]]) -> dict[str, Any]:
    """Answer the rows in parts, into a file beside them."""
    how = {"columns": COLUMNS, "wanted": Wanted(), "kept": Kept(overwrite=True)}
    return answer_in_parts(model, folder, rows, rows.with_name("out.csv"), answer=answer, **how)


def on_ray(folder: Path, rows: Path) -> dict[str, float]:
    """The same on a local cluster of two workers, whose start is told apart by a first call with few rows."""
    predict = part_on_ray("metier.cli.predicted_on_ray:predict_on_ray")
    session = part_on_ray("metier.cli.predicted_on_ray:ray_session")
    model, begun = load_bundle(folder), time.perf_counter()
    few = rows.with_name("few.csv")
    few.write_bytes(b"".join(rows.read_bytes().splitlines(keepends=True)[:100]))
    how: dict[str, Any] = {"columns": COLUMNS, "wanted": Wanted(), "kept": Kept(overwrite=True)}
    with session(WORKERS):
        predict(model, folder, few, rows.with_name("few.out.csv"), workers=WORKERS, **how)
        started_in, cpu, since = time.perf_counter() - begun, processor(), time.perf_counter()
        facts = predict(model, folder, rows, rows.with_name("ray.out.csv"), workers=WORKERS, **how)
        spent, wall = processor() - cpu, time.perf_counter() - since
        memory = sum(one.memory_full_info().pss for one in psutil.Process().children(recursive=True))
    return {
        "start_seconds": round(started_in, 1),
        "seconds": round(wall, 1),
        "cpu_us_a_row": round(1e6 * spent / facts["rows"], 2),
        "memory_mb_of_ray": round(memory / 1e6),
    }


def processor() -> float:
    """Processor seconds of this process and all that it started."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in family)


def sides() -> dict[str, Side]:
    """The service by itself, and one replica of it."""
    alone = SIDES["metier serve"]

    def command(python: str, folder: Path, port: int, place: Path) -> list[str]:
        flags = ["--on", "ray", "--replicas", "1-1"]
        return [*(word for word in alone.command(python, folder, port, place) if word != "--json"), *flags]

    return {
        "metier serve": alone,
        "metier serve --on ray": Side("", command, "/readyz", {}, path=alone.path, is_pinned=False),
    }


def requests(side: Side, folder: Path, seconds: float) -> dict[str, Any]:
    """Requests a second and the server's processor a request."""
    bodies = [json.dumps({"text": text}).encode() for text in read_texts()]
    with started(side, "bundle", sys.executable, folder) as (process, port, ready):
        answers_of(port, side.path, bodies[:50])
        return {"ready_seconds": round(ready, 1), **at_most(process, port, side, bodies, seconds)}


def modelled(alone: dict[str, float], spread: dict[str, float], rows: int) -> dict[str, float]:
    """Seconds of so many rows on 100 workers, by a model: one process cuts and joins, all answer."""
    once = alone["cutting_and_joining_us_a_row"] * rows / 1e6
    each = max(alone["answering_us_a_row"], spread["cpu_us_a_row"] - alone["cutting_and_joining_us_a_row"])
    divided = each * rows / 1e6 / MODELLED
    total = spread["start_seconds"] + once + divided
    return {
        "rows": rows,
        "seconds": round(total),
        "of_which_in_one_process": round(once),
        "divided": round(divided),
    }


if __name__ == "__main__":
    main()
