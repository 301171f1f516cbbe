"""What the programs share that learn from columns, keep a model, and later answer from it row by row.

Such a program is started twice: with TASK.json it learns, keeps its model and answers the test rows; with a second
argument it loads the model and answers single rows, as `one_row` asks. The standard library alone, as `task`.
"""

import contextlib
import csv
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.task import Task

Row = dict[str, str]
OTHERS = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def answers_rows() -> bool:
    """Whether this process is to answer single rows, not to learn."""
    return len(sys.argv) > 2


def read_rows(path: Path) -> tuple[list[Row], list[str]]:
    """Rows of a CSV file without their label, images by their whole path; and the labels."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [row.pop("label") for row in rows]
    return [
        {name: str(path.parent / value) if name == "image" else value for name, value in row.items()}
        for row in rows
    ], labels


def spent() -> float:
    """Processor seconds of this process and of those it waited for, user and system."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, OTHERS))


def peak_memory_mb() -> int:
    """The most memory of this process, or of the largest that it waited for."""
    return round(max(resource.getrusage(who).ru_maxrss for who in OTHERS) / 1024)


def learn(
    task: Task,
    fit: Callable[[], Any],
    predict: Callable[[Any, list[Row]], Sequence[str]],
    *,
    packages: Sequence[str],
) -> None:
    """Fit, answer the test rows, print what it took from the start of the process on: ours imports as it goes.

    Parameters
    ----------
    fit : callable
        Learns, keeps the model in `task.keep` and gives what `predict` needs and the facts to print.
    predict : callable
        Labels of rows.
    """
    imports, began = spent(), time.perf_counter()
    model, facts = fit()
    took, seconds, peak = spent(), time.perf_counter() - began, peak_memory_mb()
    rows, labels = read_rows(task.test)
    since = spent()
    answers = [str(one) for one in predict(model, rows)]
    train_rows = len(read_rows(task.train)[1])
    found = {
        "cpu_seconds": round(took, 2),
        "examples": train_rows,
        "examples_per_cpu_second": round(train_rows / took, 2),
        "cpu_seconds_before_fit": round(imports, 1),
        "wall_seconds": round(seconds, 1),
        "peak_memory_mb": peak,
        "answering_cpu_ms_a_row": round((spent() - since) / len(labels) * 1000, 3),
        "accuracy": round(sum(a == b for a, b in zip(answers, labels, strict=True)) / len(labels), 4),
        "test_rows": len(labels),
        "answers": answers,
        "versions": {package: version(package) for package in packages},
        **facts,
    }
    print(json.dumps(found), flush=True)


def answer_rows(task: Task, load: Callable[[], Mapping[str, Callable[[Row], Any]]]) -> None:
    """Load a model and answer single test rows as the lines of standard input ask: the way, the first row, how many.

    Prints a line of the ways, and for each line of the input a list of [milliseconds of the clock, milliseconds of the
    processor]; at the end of the input the peak memory. What libraries print goes to the errors.
    """
    rows, _ = read_rows(task.test)
    replies = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        ways = load()
        print(json.dumps(list(ways)), file=replies, flush=True)
        for line in sys.stdin:
            way, start, count = json.loads(line)
            times = [timed(ways[way], rows[number % len(rows)]) for number in range(start, start + count)]
            print(json.dumps(times), file=replies, flush=True)
    print(json.dumps({"peak_memory_mb": peak_memory_mb()}), flush=True)


def timed(predict: Callable[[Row], Any], row: Row) -> list[float]:
    """Milliseconds of the clock and of the processor that one row takes."""
    began, worked = time.perf_counter(), time.process_time()
    predict(row)
    return [1000 * (time.perf_counter() - began), 1000 * (time.process_time() - worked)]


def size_mb(folder: Path) -> float:
    """Megabytes of the files of a folder."""
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)
