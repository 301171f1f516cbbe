"""Runs side by side: what each recommends and what it costs, compared on their common test rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metier.assurance.comparing import BEST, compare
from metier.errors import CallError
from metier.runs.run_folder import plain
from metier.runs.run_list import known_run
from metier.selection.finished_run import Run

KEPT = ("name", "trained_on", "test", "latency_ms", "rows_per_second", "size_bytes", "train_seconds")


def compare_runs(paths: Sequence[Path]) -> dict[str, Any]:
    """Compare the recommended candidates of finished runs.

    Returns
    -------
    dict
        `runs`, the facts of each; `comparisons`, the best on test against each other run, as `compare` gives them; or
        `why_not`, why there are none.

    Raises
    ------
    CallError
        If there are fewer than two runs, or one of them is none.
    BundleError
        If a run is not finished.
    """
    if len(set(paths)) < 2:
        raise CallError("Comparing takes two or more runs. See which there are with: metier runs list")
    found = {str(path): Run.open(known_run(path)) for path in dict.fromkeys(paths)}
    facts: dict[str, Any] = {"runs": [_facts(name, run) for name, run in found.items()]}
    try:
        compared = compare(list(found), against=BEST).facts
    except CallError as error:  # They are runs, and finished: their test rows or their tasks differ.
        return dict(plain(facts | {"why_not": str(error), "comparisons": []}))
    pairs = [{"metric": compared["metric"], **one} for one in compared["comparisons"]]
    return dict(plain(facts | {"why_not": None, "comparisons": pairs}))


def _facts(name: str, run: Run) -> dict[str, Any]:
    """Give what is shown of a run."""
    report = run.report
    chosen = next(one for one in report["candidates"] if one["name"] == report["recommended"])
    own = {key: report[key] for key in ("task", "primary_metric", "created", "seconds", "metrics")}
    return {"run": name, **own, "rows": report["data"]["rows"], **{key: chosen[key] for key in KEPT}}
