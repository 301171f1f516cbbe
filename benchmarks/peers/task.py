"""What every peer's program is asked and what it answers; the standard library alone, so that it runs anywhere.

A program is started as `python -m benchmarks.peers.<peer> TASK.json` in the peer's own environment and prints one line
of JSON, its last. Threads and offline mode are set here, before anything heavy is imported.
"""

import csv
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Task:
    """Rows, a base and how to learn.

    Parameters
    ----------
    train, validation, test : Path
        CSV files with the columns `text` and `label`.
    base : Path
        Folder of the pretrained encoder, the same for every side.
    options : dict
        What only one peer knows, such as `manner` of the Trainer.
    image_base : Path, optional
        File with the weights of the network of images, the same for every side.
    keep : Path, optional
        Where the fitted model stays, to be loaded by the process that answers row by row.
    """

    train: Path
    validation: Path
    test: Path
    base: Path
    epochs: int = 1
    threads: int = 1
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    image_base: Path | None = None
    keep: Path | None = None

    @classmethod
    def asked(cls) -> "Task":
        """Read the task that the command line names, and set the process up for it."""
        given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        for name in ("train", "validation", "test", "base"):
            given[name] = Path(given[name])
        for name in ("image_base", "keep"):
            given[name] = Path(given[name]) if given.get(name) else None
        task = cls(**given)
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[variable] = str(task.threads)
        for variable, value in {
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "OMP_WAIT_POLICY": "passive",
        }.items():
            os.environ[variable] = value
        return task


@dataclass
class Meter:
    """A clock of the processor that stops while something is measured that is no part of learning."""

    spent: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    _since: float | None = None
    _began: float = field(default_factory=time.perf_counter)

    def go(self) -> None:
        """Count from here on."""
        self._since = time.process_time()

    def stop(self) -> None:
        """Count no more until `go`."""
        if self._since is not None:
            self.spent += time.process_time() - self._since
            self._since = None

    @property
    def seconds(self) -> float:
        """Processor seconds counted so far."""
        return self.spent + (0.0 if self._since is None else time.process_time() - self._since)

    def note(self, examples: int, accuracy: float) -> None:
        """Keep the accuracy on validation after so many examples."""
        self.history.append(
            {"examples": examples, "cpu_seconds": round(self.seconds, 2), "accuracy": round(accuracy, 4)}
        )


def read(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def accuracy(truth: Sequence[Any], answers: Sequence[Any]) -> float:
    """Share of answers that are right, 0 to 1."""
    return sum(str(a) == str(b) for a, b in zip(truth, answers, strict=True)) / len(truth)


def answer(
    task: Task,
    meter: Meter,
    predict: Callable[[list[str]], Sequence[Any]],
    *,
    examples: int,
    packages: Sequence[str],
    **more: Any,
) -> None:
    """Score the test rows and print what was found."""
    meter.stop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    texts, labels = read(task.test)
    begun = time.process_time()
    right = accuracy(labels, list(predict(texts)))
    found = {
        "cpu_seconds": round(meter.spent, 2),
        "examples": examples,
        "examples_per_cpu_second": round(examples / max(meter.spent, 1e-9), 2),
        "wall_seconds": round(time.perf_counter() - meter._began, 1),
        "peak_memory_mb": round(peak / 1024),
        "accuracy": round(right, 4),
        "test_rows": len(labels),
        "answering_cpu_ms_a_row": round((time.process_time() - begun) / len(labels) * 1000, 3),
        "history": meter.history,
        "versions": {package: version(package) for package in packages},
        **more,
    }
    print(json.dumps(found), flush=True)
