"""How many messages a second a watch stores, masked and answered, and whether its memory grows.

    python scripts/watch_speed.py RUN_OR_BUNDLE [--messages 100000] [--threads 2] [--second-stage 0.16] [--profile]

Messages are the test questions of banking77 with words drawn to them, so that few are copies, over thirty days, by company
and region; one in twenty holds an e-mail address or a telephone number. The store is SQLite on the disk. With
`--second-stage` the threshold of a cascade is moved so that this share of the messages goes to its second stage: how many
do depends on the data, and this is what costs. Printed each tenth: messages a second since the start and the memory of the
process; then what was stored.
"""

import argparse
import cProfile
import csv
import json
import pstats
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil

from metier.bundles import load_bundle, resolve_bundle, seal
from metier.bundles.manifest import ManifestFacts, read_manifest
from metier.errors import MetierError
from metier.monitoring.findings import Finding
from metier.monitoring.intake import Taken
from metier.monitoring.opening import opened_watch
from metier.monitoring.turns import Turn
from metier.monitoring.watch_settings import check_watch_settings
from metier.predictors.loading import SETTINGS_FILE, load_predictor

EXAMPLES = Path(__file__).parent.parent / "examples" / "banking77" / "test.csv"
START, DAYS = datetime(2026, 3, 1, tzinfo=UTC), 30
DATA = ("write to anna.smith{n}@example.com", "call 020 7946 {n:04}", "my card is 4111 1111 1111 1111")


def write_messages(path: Path, n_messages: int) -> None:
    """Write JSON lines in the order of time."""
    draw = random.Random(0)  # noqa: S311  # Not for secrets.
    with EXAMPLES.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    words = sorted({word for text in texts for word in text.split()})
    step = timedelta(days=DAYS) / n_messages
    with path.open("w", encoding="utf-8") as file:
        for number in range(n_messages):
            parts = [draw.choice(texts), *draw.sample(words, 5)]
            if number % 20 == 0:
                parts.append(draw.choice(DATA).format(n=number % 10_000))
            line = {
                "id": number,
                "text": " ".join(parts),
                "time": (START + number * step).isoformat(),
                "company": f"company {draw.randrange(20)}",
                "region": f"region {draw.randrange(7)}",
            }
            file.write(json.dumps(line) + "\n")


def moved_cascade(bundle: Path, folder: Path, texts: Sequence[str], second_fraction: float) -> Path:
    """Copy a cascade whose second stage answers a share of the texts, and seal it."""
    copied = folder / "cascade"
    shutil.copytree(resolve_bundle(bundle), copied)
    settings = json.loads((copied / SETTINGS_FILE).read_text(encoding="utf-8"))
    first = load_predictor(copied / settings["stages"][0]["folder"])
    confidences = first.predict(list(texts)).probabilities.max(axis=1)
    settings["threshold"] = float(np.quantile(confidences, second_fraction))
    (copied / SETTINGS_FILE).write_text(json.dumps(settings), encoding="utf-8")
    facts = {name: value for name, value in read_manifest(copied) if name in ManifestFacts.model_fields}
    seal(copied, ManifestFacts(**facts))
    answered_by = load_bundle(copied).predict(list(texts)).answered_by
    share = np.mean([name == settings["stages"][1]["name"] for name in answered_by])
    print(f"{share:.1%} of messages go to the second stage", flush=True)
    return copied


class Tenths:
    """Prints speed and memory each tenth.

    Parameters
    ----------
    n_messages : int
    """

    def __init__(self, n_messages: int):
        self._total, self._done, self._next = n_messages, 0, n_messages // 10
        self._start, self._process = time.monotonic(), psutil.Process()

    def took(self, source: str, taken: Taken, turn: Turn, now: datetime) -> None:
        """Count."""
        self._done += taken.messages
        if self._done >= self._next:
            self._next += self._total // 10
            seconds = time.monotonic() - self._start
            memory = self._process.memory_info().rss / 1e6
            print(
                f"{self._done:,} messages, {self._done / seconds:,.0f} a second, {memory:,.0f} MB", flush=True
            )

    def failed(self, what: str, error: MetierError) -> None:
        """Say it."""
        print(f"{what}: {error}", flush=True)

    def judged(self, period: int, findings: Sequence[Finding]) -> None:
        """Nothing to say."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--second-stage", type=float, metavar="SHARE", help="of a cascade")
    parser.add_argument("--profile", action="store_true", help="print where time goes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="watch-speed-") as place:
        write_messages(Path(place) / "posts.jsonl", asked.messages)
        bundle = asked.bundle.absolute()
        if asked.second_stage is not None:
            with (Path(place) / "posts.jsonl").open(encoding="utf-8") as file:
                texts = [json.loads(line)["text"] for _, line in zip(range(2_000), file, strict=False)]
            bundle = moved_cascade(bundle, Path(place), texts, asked.second_stage)
        columns = {"by": {"company": "company", "region": "region"}}
        values = {
            "sources": [
                {"kind": "file", "path": "posts.jsonl", "columns": columns, "batch_messages": asked.batch}
            ],
            "bundles": {"topic": str(bundle)},
            "by": [["company"], ["company", "topic"], ["region", "topic"]],
            "threads": asked.threads,
        }
        settings = check_watch_settings(values, folder=Path(place))
        profile = cProfile.Profile()
        with opened_watch(settings, observers=[Tenths(asked.messages)]) as watch:
            start, used = time.monotonic(), time.process_time()
            if asked.profile:
                profile.enable()
            totals = watch.run_once(threading.Event())
            profile.disable()
            seconds, cpu = time.monotonic() - start, time.process_time() - used
        size = sum(path.stat().st_size for path in Path(place).glob("watch.sqlite*")) / 1e6
    print(
        f"{totals.messages:,} messages in {seconds:,.1f} s ({cpu:,.1f} s of processors): "
        f"{totals.messages / seconds:,.0f} a second; {totals.copies:,} copies, {totals.periods} periods, "
        f"{totals.findings} findings; store {size:,.0f} MB"
    )
    if asked.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
