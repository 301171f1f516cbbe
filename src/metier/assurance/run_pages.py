"""What was found of a run's model after training, kept beside the run and drawn into its report.

The gate's result is read from the manifest of the recommended bundle, where it is sealed: a bundle that is sealed again
has none. What the tests found is kept as `tests-behaviour.json` and `tests-fairness.json` in the folder of the run, with a
few failed cases of each test.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metier.bundles.manifest import read_manifest
from metier.report.page import render_report
from metier.report.words import LANGUAGES
from metier.runs.run_folder import RunFolder
from metier.storage import write_text

SUITES = ("behaviour", "fairness")
MOST_CASES = 3  # Failed ones that are kept of each test.


def is_run(path: Path) -> bool:
    """Say whether a path is the folder of a finished run of one task, not a bundle."""
    return (path / "report.json").is_file() and (path / "best" / "manifest.json").is_file()


def keep_tests(run: Path, suite: str, facts: Mapping[str, Any]) -> None:
    """Keep what a suite of tests found of a run's recommended bundle, and draw the pages of the run again."""
    write_text(_file_of(run, suite), json.dumps(_summary(facts), ensure_ascii=False, indent=1) + "\n")
    draw(run)


def report_of(run: Path, report: Mapping[str, Any]) -> dict[str, Any]:
    """Give the facts of a run's report with what was found since."""
    found = {
        suite: kept
        for suite in SUITES
        if (kept := RunFolder(run).read_json(_file_of(run, suite).name)) is not None
    }
    return {**report, **found, "gate": read_manifest(run / "best").gate if is_run(run) else None}


def draw(run: Path) -> None:
    """Draw the pages of a run again, each in the language that it is in."""
    report = RunFolder.open(run).report()
    if report is None:
        return
    whole = report_of(run, report)
    pages = {run / "report.html": str(report["settings"].get("report_language") or "en")}
    pages |= {run / f"report.{language}.html": language for language in LANGUAGES}
    for page, language in pages.items():
        if page.is_file():
            write_text(page, render_report(whole, language=language))


def _file_of(run: Path, suite: str) -> Path:
    return run / f"tests-{suite}.json"


def _summary(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Give what tests found without most of their cases, and without the words that were looked for."""
    kept = {name: value for name, value in facts.items() if name != "words"}
    for part in ("tests", "identity"):
        if part in kept:
            kept[part] = [{**one, "cases": _failed(one["cases"])} for one in kept[part]]
    return kept


def _failed(cases: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [case for case in cases if not case.get("passed", False)][:MOST_CASES]
