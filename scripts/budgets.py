"""How well a budget is kept: real runs over sizes and tasks, on a machine that is idle or has busy neighbours.

    python scripts/budgets.py [--data FOLDER] [--neighbours 0,2] [--budget 2m] [--nice N] [--only NAME,...] [--list]
    python scripts/budgets.py --data FOLDER --whole --neighbours 1

Each line is one run of `metier train` in a process of its own: the share of the budget that it used, what it left out or
trained on a part of the rows, what it recommends, the candidate that was foretold worst, and the memory that was foretold
beside the peak. `--neighbours found` starts no neighbours: the machine is as busy as it is found, and the load average
says how busy. `--whole` takes six whole sets at twelve minutes in the place of the others. A run that is there already is
not repeated, so an interrupted table resumes. `--data` names a folder with the whole sets, as for `scripts/results.py`;
without it the rows of the examples are as many as they are.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.data import read
from metier.selection.api import train

PROJECT = Path(__file__).parents[1]
RUNS = PROJECT / "runs" / "budgets"
# What a neighbour does: one core, all the time.
BUSY = "while True: sum(range(10**6))"


@dataclass(frozen=True)
class Case:
    """Rows of a task: a file below the folder of sets or of examples, how many of them (0: all), and the time for them."""

    name: str
    file: str
    rows: int
    budget: str
    options: tuple[tuple[str, Any], ...] = ()


CASES = (
    Case("banking77-200", "banking77/train.csv", 200, "1m"),
    Case("banking77-2000", "banking77/train.csv", 2_000, "2m"),
    Case("banking77-8000", "banking77/train.csv", 8_000, "4m"),
    Case("csl-1000", "csl_category_zh/train.csv", 1_000, "2m"),
    Case("csl-8000", "csl_category_zh/train.csv", 0, "4m"),
    Case(
        "reviews-21000",
        "airbnb_reviews_sg/en.csv",
        0,
        "4m",
        (("data", {"text": "text", "label": "room_type"}),),
    ),
    Case("semeval-4000", "semeval2010_task8/train.jsonl", 4_000, "4m"),
    Case("ncbi-1000", "ncbi_disease/train.conll", 1_000, "3m"),
    Case("xquad-800", "xquad/test.en.json", 800, "4m"),
    Case("financial-2000", "twitter_financial_news/train.csv", 2_000, "3m", (("task", "ordinal"),)),
    Case("pairs-800", "covid_faq/question_pairs.csv", 800, "3m"),
)
WHOLE = (
    Case("banking77", "banking77/train.csv", 0, "12m"),
    Case("csl", "csl_category_zh/train.csv", 0, "12m"),
    Case("financial", "twitter_financial_news/train.csv", 0, "12m", (("task", "ordinal"),)),
    Case("ncbi", "ncbi_disease/train.conll", 0, "12m"),
    Case("semeval", "semeval2010_task8/train.jsonl", 0, "12m"),
    Case("xquad", "xquad/test.en.json", 0, "12m"),
)
COLUMNS = (
    *("set", "rows", "task", "neighbours (load)", "budget", "used", "share", "left out for time", "on a part of the rows"),
    *("recommended", "foretold worst (s foretold, taken)", "memory (GB foretold, peak)"),
)  # fmt: skip
# A candidate that takes less than this is foretold well enough.
SHORTEST_SECONDS = 5.0
# What a run may use where something was left out, and what none may use more than.
SHORT_OF_TIME, MOST = (0.85, 1.05), 1.10


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=PROJECT / "examples")
    parser.add_argument("--budget", default="", help="for every run, in the place of its own")
    parser.add_argument("--neighbours", default="0,2", help="busy processes beside a run, or `found`")
    parser.add_argument("--nice", type=int, default=0, help="how far a run stands back behind others")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--whole", action="store_true", help="six whole sets at twelve minutes")
    parser.add_argument("--list", action="store_true", help="print what has run, and run nothing")
    parser.add_argument("--one", type=json.loads, help="one run, as JSON: what a line of the table starts")
    arguments = parser.parse_args()
    if arguments.one:
        run_one(**arguments.one)
        return
    only = set(filter(None, arguments.only.split(",")))
    print(written(COLUMNS))
    print(written(["---"] * len(COLUMNS)))
    lines = []
    for neighbours in arguments.neighbours.split(","):
        for case in WHOLE if arguments.whole else CASES:
            if not only or case.name in only:
                lines += line(case, neighbours, arguments)
    print(verdict([one for one in lines if one is not None]))


def written(cells: Iterable[Any]) -> str:
    """Give a row of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def line(case: Case, neighbours: str, arguments: argparse.Namespace) -> "list[Kept | None]":
    """Print one row of the table, from a run that is made where it is missing."""
    budget = arguments.budget or case.budget
    folder = RUNS / f"{case.name}-{budget}-{neighbours}"
    if not (folder / "report.json").exists():
        if arguments.list:
            return []
        with busy(0 if neighbours == "found" else int(neighbours)):
            failed = run(case, budget, folder, arguments)
        if failed:
            print(written([case.name, case.rows, "", neighbours, budget, failed]), flush=True)
            return [None]
    kept = Kept.of(folder)
    print(written([case.name, *kept.cells(neighbours, budget)]), flush=True)
    return [kept]


@dataclass(frozen=True)
class Kept:
    """A run that is over: its report, its plan, and what was measured around it."""

    report: dict[str, Any]
    plan: dict[str, Any]
    around: dict[str, float]

    @classmethod
    def of(cls, folder: Path) -> "Kept":
        """Read it."""
        texts = (folder / "report.json", folder / "plan.json", around_of(folder))
        return cls(*(json.loads(path.read_text("utf-8")) for path in texts))

    @property
    def share(self) -> float:
        """Time used for each second of the budget."""
        return float(self.report["seconds"] / self.report["budget_seconds"])

    @property
    def left_out(self) -> list[str]:
        """What did not run for want of time."""
        return [one["name"] for one in self.report["candidates"] if "--budget" in str(one["why"])]

    @property
    def parts(self) -> list[str]:
        """What saw, when it was compared, a part of the training rows, and which."""
        planned = self.plan["candidates"]
        return [
            f"{name} {one['fraction']:g}"
            for name, one in planned.items()
            if one["fraction"] < 1 and self._ran(name)
        ]

    @property
    def is_short_of_time(self) -> bool:
        """Whether anything was left out or made smaller."""
        return bool(self.left_out or self.parts)

    def cells(self, neighbours: str, budget: str) -> list[Any]:
        """Give what stands in the table."""
        report = self.report
        return [
            sum(report["data"]["rows"].values()), report["task"], f"{neighbours} ({self.around['load']:.1f})", budget,
            f"{report['seconds']:.0f} s", f"{self.share:.0%}", ", ".join(self.left_out) or "nothing",
            ", ".join(self.parts) or "none", report["recommended"], self._worst(), self._memory(),
        ]  # fmt: skip

    def _ran(self, name: str) -> bool:
        return any(one["name"] == name and one["status"] == "trained" for one in self.report["candidates"])

    def _worst(self) -> str:
        """The candidate whose time was foretold worst: when it began, and what it took."""
        phases, worst = self.report["phases"], ("", 1.0)
        for name, one in self.plan["candidates"].items():
            foretold, taken = one["seconds"], phases.get(name, 0.0)
            factor = max(foretold, taken) / max(1.0, min(foretold, taken))
            if self._ran(name) and max(foretold, taken) >= SHORTEST_SECONDS and factor > worst[1]:
                worst = f"{name} ({foretold:.0f}, {taken:.0f})", factor
        return worst[0] or "none"

    def _memory(self) -> str:
        foretold = [
            one["cost"]["memory_bytes"] for name, one in self.plan["candidates"].items() if self._ran(name)
        ]
        return f"{max(foretold, default=0) / 1e9:.1f}, {self.around['peak_bytes'] / 1e9:.1f}"


def verdict(runs: Sequence[Kept]) -> str:
    """Say in a sentence how many runs kept to what is promised."""
    short = [one for one in runs if one.is_short_of_time]
    kept = sum(SHORT_OF_TIME[0] <= one.share <= SHORT_OF_TIME[1] for one in short)
    over = sum(one.share > MOST for one in runs)
    return (
        f"\n{len(runs)} runs; {kept} of the {len(short)} that were short of time used {SHORT_OF_TIME[0]:.0%} to "
        f"{SHORT_OF_TIME[1]:.0%} of it; {over} used more than {MOST:.0%}."
    )


def around_of(folder: Path) -> Path:
    """Give where what was measured around a run is kept."""
    return folder.with_name(folder.name + ".json")


def run(case: Case, budget: str, folder: Path, arguments: argparse.Namespace) -> str:
    """Train on the rows of a case; gives what went wrong, or nothing."""
    path = arguments.data / case.file
    if not path.exists():
        path = PROJECT / "examples" / case.file
    if not path.exists():
        return "its file is not here; name the folder of the whole sets with --data"
    options = dict(case.options)
    data = {"keep_rare": True, **options.pop("data", {})}
    settings = {"threads": arguments.threads, "data": data, **options}
    facts = {"path": str(path), "rows": case.rows, "budget": budget, "run": str(folder), "settings": settings}
    command = ["nice", "-n", str(arguments.nice), sys.executable, __file__, "--one", json.dumps(facts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def run_one(*, path: str, rows: int, budget: str, run: str, settings: dict[str, Any]) -> None:
    """Train on so many rows of a file, drawn with a fixed seed."""
    load, folder = os.getloadavg()[0], Path(run)
    found = read(
        path, **{role: settings["data"][role] for role in ("text", "label") if role in settings["data"]}
    )
    if 0 < rows < len(found):
        found = found.take(np.sort(np.random.default_rng(0).permutation(len(found))[:rows]))
    train(found, budget=budget, run=folder, overwrite=True, settings=settings)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    around_of(folder).write_text(json.dumps({"load": load, "peak_bytes": peak}), encoding="utf-8")


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
