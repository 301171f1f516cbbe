"""What the store of predictions costs, and what a kill loses.

    python scripts/prediction_log.py [--rows 5000] [--kills 20]

Printed: the processor time that an answer pays for its id and for being handed to the thread that stores it; the rows that
this thread stores in a second, by what is kept of the texts (questions of banking77); and, for processes that answer 500
questions a second and are killed (SIGKILL) at a random moment, the answers that were given and are not stored, and how
old the oldest of them was.
"""

import argparse
import csv
import os
import random
import signal
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from metier.serving.prediction_log import Prediction, PredictionLog, new_prediction_ids
from metier.serving.prediction_log.kept_texts import TextPolicy
from metier.serving.prediction_log.writer import PredictionWriter

BANKING77 = Path(__file__).parents[1] / "examples" / "banking77" / "test.csv"
PER_SECOND = 500
ANSWER = {"label": "card_arrival", "probability": 0.97}


def predicted() -> Prediction:
    """Give an answer as the service notes it."""
    [id_] = new_prediction_ids(1)
    now = datetime.now(UTC)
    return Prediction(id_, now, "support", "1", "tfidf_linear.v1", ANSWER, subject="customer-7", latency_ms=0.3)


def texts_of(n: int) -> list[str]:
    """Give questions."""
    with BANKING77.open(encoding="utf-8") as file:
        found = [row["text"] for row in csv.DictReader(file)]
    return [found[i % len(found)] for i in range(n)]


def handed_over(n: int, folder: Path) -> tuple[float, float]:
    """Give the microseconds of processor time of an id, and of an answer that is handed over."""
    begin = time.thread_time()
    for _ in range(n):
        new_prediction_ids(1)
    ids = time.thread_time() - begin
    writer = PredictionWriter(lambda: PredictionLog(folder), texts="none")
    begin = time.thread_time()
    for _ in range(n):
        writer.add([predicted()], ["a question"])
    return 1e6 * ids / n, 1e6 * (time.thread_time() - begin) / n


def stored_per_second(texts: list[str], policy: TextPolicy, folder: Path) -> float:
    """Give how many rows are stored in a second."""
    writer = PredictionWriter(lambda: PredictionLog(folder), texts=policy)
    writer.add([predicted() for _ in texts], texts)
    begin = time.perf_counter()
    writer.start()
    writer.stop(600)
    return len(texts) / (time.perf_counter() - begin)


def answer_for_ever(folder: Path, told: int) -> None:
    """Answer, and tell the id of each answer once it is given."""
    writer = PredictionWriter(lambda: PredictionLog(folder))
    writer.start()
    while True:
        one = predicted()
        writer.add([one], ["my card never came"])
        os.write(told, f"{one.id} {time.monotonic()}\n".encode())
        time.sleep(1 / PER_SECOND)


def lost_by_a_kill(folder: Path, seconds: float) -> tuple[int, int, float]:
    """Give how many answers were given, how many of them are not stored, and the age of the oldest in seconds."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(heard)
        answer_for_ever(folder, told)
    os.close(told)
    time.sleep(seconds)
    killed = time.monotonic()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(heard) as lines:
        given = dict(line.split() for line in lines if line.endswith("\n"))
    log = PredictionLog(folder)
    stored = {one.id for batch in log.read() for one in batch}
    log.close()
    missing = [float(at) for id_, at in given.items() if id_ not in stored]
    return len(given), len(missing), killed - min(missing, default=killed)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ids, whole = handed_over(asked.rows, Path(folder) / "handed")
        print(f"an id {ids:.1f} µs, an answer handed over {whole:.1f} µs of processor time", flush=True)
        for policy in ("masked", "none", "plain"):
            rate = stored_per_second(texts_of(asked.rows), policy, Path(folder) / policy)
            print(f"stored, texts {policy}: {rate:,.0f} rows/s", flush=True)
        random.seed(0)
        found = [
            lost_by_a_kill(Path(folder) / f"kill{i}", 1 + random.random())  # noqa: S311
            for i in range(asked.kills)
        ]
    given, missing = sum(one[0] for one in found), sum(one[1] for one in found)
    print(
        f"{asked.kills} kills: {given:,} answers given, {missing} not stored, at most "
        f"{max(one[1] for one in found)} of one process; the oldest {max(one[2] for one in found):.2f} s old"
    )


if __name__ == "__main__":
    main()
