"""The cost of a prediction: time for one row, rows a second in batches, bytes on disk.

Measured on the predictor that ships, loaded from its folder with one thread, on real rows of the validation
split.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metier.predictors.loading import Predictor, load_predictor

SINGLE_ROWS = 300  # Enough for a stable p95 (15 rows beyond it) within a second for a transformer.
BATCH_ROWS = 1_000
WARM_UP_ROWS = 20
SECONDS_AT_MOST = 3.0
# Loading it, once, at most: a large base is half a gigabyte.
LOADING_SECONDS = 1.5
# Kept beside the predictor for people and for training on; nothing of it is read to answer.
NOT_SERVED = ("huggingface", "README.md")


def measure_cost(folder: Path, texts: Sequence[str], *, random_state: int = 0) -> dict[str, Any]:
    """Measure the predictor in a folder, with one thread.

    Returns
    -------
    dict
        `latency_ms` (`p50`, `p95`, `mean` of single rows), `rows_per_second` in batches, `size_bytes`.
    """
    predictor = load_predictor(folder, threads=1)
    picked = np.random.default_rng(random_state).permutation(len(texts))
    sample = [texts[int(index)] for index in picked[: BATCH_ROWS + WARM_UP_ROWS]]
    warm_up, sample = sample[:WARM_UP_ROWS], sample[WARM_UP_ROWS:] or sample
    deadline = time.perf_counter() + SECONDS_AT_MOST
    for text in warm_up:
        predictor.predict([text])
        if time.perf_counter() > deadline:
            break
    latencies = _single_latencies(predictor, sample[:SINGLE_ROWS])
    return {
        "latency_ms": {
            "p50": float(np.percentile(latencies, 50)),
            "p95": float(np.percentile(latencies, 95)),
            "mean": float(np.mean(latencies)),
        },
        "rows_per_second": _throughput(predictor, sample, latency_seconds=float(np.mean(latencies)) / 1000),
        "size_bytes": served_bytes(folder),
    }


def seconds_to_measure(seconds_per_answer: float, *, loading: float = LOADING_SECONDS) -> float:
    """Give about how long `measure_cost` takes for a predictor that takes so long for one row, and to be loaded."""
    rows = (WARM_UP_ROWS, SINGLE_ROWS, BATCH_ROWS)
    return loading + sum(min(SECONDS_AT_MOST, n * seconds_per_answer) for n in rows)


def served_bytes(folder: Path) -> int:
    """Bytes of the files that a predictor answers from."""
    files = (path for path in folder.rglob("*") if path.is_file())
    inodes = {
        path.stat().st_ino: path.stat().st_size
        for path in files
        if path.relative_to(folder).parts[0] not in NOT_SERVED
    }
    return sum(inodes.values())


def _single_latencies(predictor: Predictor, texts: Sequence[str]) -> np.ndarray:
    latencies, deadline = [], time.perf_counter() + SECONDS_AT_MOST
    for text in texts:
        start = time.perf_counter()
        predictor.predict([text])
        end = time.perf_counter()
        latencies.append((end - start) * 1000)
        if end > deadline:
            break
    return np.array(latencies)


def _throughput(predictor: Predictor, texts: Sequence[str], *, latency_seconds: float) -> float:
    # What writes takes seconds for one row: a batch of hundreds would be minutes.
    size = max(1, min(256, int(SECONDS_AT_MOST / max(latency_seconds, 1e-9))))
    answered, start = 0, time.perf_counter()
    while True:
        predictor.predict(texts[:size])
        answered += len(texts[:size])
        texts = [*texts[size:], *texts[:size]]
        elapsed = time.perf_counter() - start
        if answered >= BATCH_ROWS or elapsed > SECONDS_AT_MOST:
            return answered / elapsed
