"""How well a budget is kept: real runs over sizes and tasks, on a machine that is idle or has busy neighbours.

    python scripts/budgets.py [--data FOLDER] [--budgets 2m,5m] [--neighbours 0,2] [--only NAME,...]

Each line is one run of `metier train` in a process of its own: the share of the budget that it used, what it left out,
what it trained on a part of the rows, and what it recommends. A run that is there already is not repeated, so an
interrupted table resumes. `--data` names a folder with the whole sets, as for `scripts/results.py`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.data import read
from metier.selection.api import train
from metier.selection.budget import parse_duration

PROJECT = Path(__file__).parents[1]
RUNS = PROJECT / "runs" / "budgets"
# What a neighbour does: one core, all the time.
BUSY = "while True: sum(range(10**6))"


@dataclass(frozen=True)
class Case:
    """Rows of a task: a file below the folder of sets or of examples, and how many of them; 0: all."""

    name: str
    file: str
    rows: int
    options: tuple[tuple[str, str], ...] = ()


CASES = (
    *(Case(f"banking77-{n}", "banking77/train.csv", n) for n in (200, 1_000, 8_000)),
    *(Case(f"csl-{n}", "csl_category_zh/train.csv", n) for n in (200, 2_000, 25_000)),
    Case("semeval-2000", "semeval2010_task8/train.jsonl", 2_000),
    Case("ncbi-1000", "ncbi_disease/train.conll", 1_000),
    Case("xquad-800", "xquad/test.en.json", 800),
    Case("financial-2000", "twitter_financial_news/train.csv", 2_000, (("task", "ordinal"),)),
    Case("pairs-800", "covid_faq/question_pairs.csv", 800),
)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=PROJECT / "examples")
    parser.add_argument("--budgets", default="2m,5m")
    parser.add_argument("--neighbours", default="0,2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--one", type=json.loads, help="one run, as JSON: what a line of the table starts")
    arguments = parser.parse_args()
    if arguments.one:
        run_one(**arguments.one)
        return
    only = set(filter(None, arguments.only.split(",")))
    print("| rows | budget | neighbours | used | left out for time | on a part of the rows | recommended |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        if only and case.name not in only:
            continue
        for budget in arguments.budgets.split(","):
            for neighbours in map(int, arguments.neighbours.split(",")):
                print(line(case, budget, neighbours, arguments), flush=True)


def line(case: Case, budget: str, neighbours: int, arguments: argparse.Namespace) -> str:
    """Give one row of the table, from a run that is made where it is missing."""
    folder = RUNS / f"{case.name}-{budget}-{neighbours}"
    if not (folder / "report.json").exists():
        with busy(neighbours):
            failed = run(case, budget, folder, arguments)
        if failed:
            return f"| {case.name} | {budget} | {neighbours} | {failed} | | | |"
    report: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    share = report["seconds"] / parse_duration(budget)
    left_out = [one["name"] for one in report["candidates"] if "--budget" in str(one["why"])]
    parts = [f"{one['name']} {one['fraction']:g}" for one in report["candidates"] if one["fraction"] < 1]
    return (
        f"| {case.name} | {budget} | {neighbours} | {share:.0%} | {', '.join(left_out) or 'nothing'} | "
        f"{', '.join(parts) or 'none'} | {report['recommended']} |"
    )


def run(case: Case, budget: str, folder: Path, arguments: argparse.Namespace) -> str:
    """Train on the rows of a case; gives what went wrong, or nothing."""
    path = arguments.data / case.file
    if not path.exists():
        path = PROJECT / "examples" / case.file
    settings = {"threads": arguments.threads, "data": {"keep_rare": True}, **dict(case.options)}
    facts = {"path": str(path), "rows": case.rows, "budget": budget, "run": str(folder), "settings": settings}
    command = [sys.executable, __file__, "--one", json.dumps(facts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def run_one(*, path: str, rows: int, budget: str, run: str, settings: dict[str, Any]) -> None:
    """Train on so many rows of a file, drawn with a fixed seed."""
    found = read(path)
    if 0 < rows < len(found):
        found = found.take(np.sort(np.random.default_rng(0).permutation(len(found))[:rows]))
    train(found, budget=budget, run=Path(run), overwrite=True, settings=settings)


@contextmanager
def busy(neighbours: int) -> Iterator[None]:
    """Keep as many cores busy as there are neighbours."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(neighbours)]  # noqa: S603
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


if __name__ == "__main__":
    main()
