"""The runs below a folder: which are finished, what came out, and what they take on the disk."""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from metier.errors import BundleError, CallError, StorageError, UnsafeFileError, suggest
from metier.runs.run_folder import SEVERAL_FILE, RunFolder, is_run_folder

RUNS = Path("runs")  # Where runs lie that were given no folder.


@dataclass(frozen=True)
class RunFacts:
    """What a list tells of a run.

    Parameters
    ----------
    path : Path
    changed : datetime
        When something of it was last written.
    size_bytes : int
    done : tuple of str
        Its candidates that are done.
    task : str or None
        None where it is neither finished nor stated.
    report : dict or None
        The facts of a finished run; None for any other.
    damage : str or None
        What is wrong with its report and what to do, where it has one that cannot be read.
    """

    path: Path
    changed: datetime
    size_bytes: int
    done: tuple[str, ...]
    task: str | None
    report: dict[str, Any] | None
    damage: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it is whole; any other can be resumed."""
        return self.report is not None

    @property
    def recommended(self) -> dict[str, Any] | None:
        """The facts of the candidate to ship."""
        if self.report is None:
            return None
        return next(one for one in self.report["candidates"] if one["name"] == self.report["recommended"])


def find_runs(folder: Path) -> list[RunFacts]:
    """Give the runs in a folder, or the one that the folder is, the latest first.

    Raises
    ------
    CallError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise CallError(f"There is no folder {folder}. Give the folder that holds your runs.")
    paths = [folder] if is_run_folder(folder) else [one for one in folder.iterdir() if is_run_folder(one)]
    paths = [run for path in paths for run in _runs_of_tasks(path) or [path]]
    return sorted(map(_listed, paths), key=lambda run: run.changed, reverse=True)


def _runs_of_tasks(path: Path) -> list[Path]:
    """Give the runs of the tasks that a run of several tasks holds; none for any other run."""
    has_several = (path / SEVERAL_FILE).is_file()
    return [one for one in path.iterdir() if is_run_folder(one)] if has_several else []


def _listed(path: Path) -> RunFacts:
    """Give what a list tells of one run; one that holds what is no file is listed as damaged, unopened."""
    try:
        return run_facts(path)
    except UnsafeFileError as error:
        return RunFacts(path, datetime.fromtimestamp(path.stat().st_mtime, UTC), 0, (), None, None, str(error))


def run_facts(path: Path) -> RunFacts:
    """Give what a list tells of one run.

    Raises
    ------
    CallError
        If there is no run at the path.
    """
    run = RunFolder.open(known_run(path))
    report, damage = _report(run)
    files = [Path(root) / name for root, _, names in os.walk(run.path) for name in names]
    stats = [found for file in files if not file.is_symlink() and (found := _stat(file)) is not None]
    done = sorted(
        file.stem for file in (run.path / "answers").glob("*.json") if run.candidate(file.stem).exists()
    )
    return RunFacts(
        path,
        datetime.fromtimestamp(max(one.st_mtime for one in stats), UTC),
        sum({(one.st_dev, one.st_ino): one.st_size for one in stats}.values()),
        tuple(done),
        report["task"] if report else _stated_task(run),
        report,
        damage,
    )


def known_run(path: Path) -> Path:
    """Give a path that is a run, also by its name below the folder of runs.

    Raises
    ------
    CallError
        If it is none; the nearest name is suggested.
    """
    for candidate in (path, RUNS / path):
        if is_run_folder(candidate):
            return candidate
    if path.exists():
        raise CallError(f"{path} is not a run: it lacks what `metier train` writes. Nothing was done.")
    above = path.parent if path.parent != Path() else RUNS
    names = [one.name for one in above.iterdir() if is_run_folder(one)] if above.is_dir() else []
    raise CallError(f"There is no run {path}.{suggest(path.name, names)} See: metier runs list")


def remove_run(path: Path) -> int:
    """Remove a run with all its files; gives how many bytes that freed.

    Raises
    ------
    CallError
        If it is no run.
    InUseError
        If a process works on it.
    StorageError
        If a file cannot be removed.
    """
    run = run_facts(path)
    folder = run.path.resolve()
    with RunFolder(folder).held():
        _remove(run, folder)
    return run.size_bytes


def _remove(run: RunFacts, folder: Path) -> None:
    # Without its settings it is no run any more: what an interruption leaves is not taken for one.
    try:
        shutil.rmtree(folder)
        if run.path.is_symlink():
            run.path.unlink()
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be removed whole ({error.strerror}). Remove the rest by hand."
        ) from None


def _report(run: RunFolder) -> tuple[dict[str, Any] | None, str | None]:
    """Give the report, and what is wrong with one that is damaged."""
    try:
        return run.report(), None
    except BundleError as error:
        return None, str(error)


def _stated_task(run: RunFolder) -> str | None:
    """Give the task that the settings of a run name; damaged settings name none."""
    try:
        settings = yaml.safe_load(run.settings_path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError):
        return None
    return settings.get("task") if isinstance(settings, dict) else None


def _stat(file: Path) -> os.stat_result | None:
    """Give the facts of a file; None: a run that goes on has renamed or removed it meanwhile."""
    try:
        return file.lstat()
    except FileNotFoundError:
        return None
