"""Seven thousand labels, as product codes have them, with the candidates of the task: within the budget and the memory."""

import csv
import json
import random
import resource
import subprocess
import sys

import pytest

LABELS, ROWS_OF_EACH = 7_051, 4
MOST_BYTES = 3e9
BUDGET_SECONDS = 240
SYLLABLES = [first + second for first in "bdfklmnprstvz" for second in "aeiou"]


@pytest.fixture
def codes(tmp_path):
    rng = random.Random(51)
    names: set[str] = set()
    while len(names) < LABELS:
        names.add("".join(rng.choice(SYLLABLES) for _ in range(3)))
    path = tmp_path / "codes.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for _ in range(ROWS_OF_EACH):
            for number, name in enumerate(sorted(names)):
                rows.writerow(
                    [f"{name} {''.join(rng.choice(SYLLABLES) for _ in range(4))}", f"code {number:05d}"]
                )
    return path


@pytest.mark.slow
@pytest.mark.serial
@pytest.mark.timeout(900)
def test_thousands_of_labels_end_within_budget_and_memory_or_are_left_out_before_any_work(codes, tmp_path):
    command = [sys.executable, "-m", "metier", "train", str(codes), "--budget", f"{BUDGET_SECONDS}s"]
    done = subprocess.run([*command, "--run", str(tmp_path / "run")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert report["seconds"] < 1.1 * BUDGET_SECONDS
    assert 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < MOST_BYTES
    statuses = {one["name"]: (one["status"], one["why"]) for one in report["candidates"]}
    assert statuses["majority.v1"][0] == "trained"
    assert all(status in ("trained", "dropped") for status, _ in statuses.values()), statuses
    assert all(why for status, why in statuses.values() if status == "dropped")
