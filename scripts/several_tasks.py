"""What one encoder for several tasks gives each of them: intent and domain of the questions of clinc150.

    python scripts/several_tasks.py --data FOLDER [--rows 3000] [--budget 12m] [--run FOLDER]

Training rows are drawn at random; all test rows are answered. The table has the scores of the encoder of both tasks and of
the candidates that learned each task alone from the same rows, with their paired differences on the test rows.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np

import metier
from metier.report.several_page import task_rows
from metier.report.words import Words


def drawn(path: Path, n_rows: int, *, seed: int) -> list[dict[str, str]]:
    """Draw rows that have a domain."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["domain"]]
    order = np.random.default_rng(seed).permutation(len(rows))[:n_rows]
    return [{key: rows[at][key] for key in ("text", "label", "domain")} for at in order]


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--budget", default="12m")
    parser.add_argument("--run", type=Path)
    arguments = parser.parse_args()
    train = drawn(arguments.data / "clinc150" / "train.csv", arguments.rows, seed=0)
    test = drawn(arguments.data / "clinc150" / "test.csv", 10**6, seed=0)
    labels = {row["label"] for row in train}
    settings = {"threads": 1, "data": {"keep_rare": True, "drop_leaks": True}}
    with tempfile.TemporaryDirectory() as folder:
        run = metier.train(
            train,
            test=[row for row in test if row["label"] in labels],
            task="classification:label,classification:domain",
            budget=arguments.budget,
            settings=settings,
            run=arguments.run or Path(folder) / "run",
        )
        report = run.report
    print("| task | together | alone | difference, points | p |")
    print("|---|---:|---:|---:|---:|")
    for task in report["tasks"]:
        for row in task_rows(task, Words("en")):
            print("| {task} | {together} | {alone} | {difference} | {p} |".format(**row))
    for name, cost in report["costs"].items():
        print(f"{name}: {cost['latency_ms']['mean']:.1f} ms a text, {cost['size_bytes'] / 1e6:.0f} MB")
    print(f"ships {report['recommended']}: {report['sentence']}; {report['seconds']:.0f} s")


if __name__ == "__main__":
    main()
