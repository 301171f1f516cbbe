"""What is compared: a run, a bundle, a model from elsewhere, or a file of answers; and the rows that all answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from metier.arguments import path_of
from metier.bundles import Manifest, Model, load_model, read_manifest, resolve_bundle
from metier.bundles.manifest import TaskFacts
from metier.bundles.model import PICKLES, is_classifier_folder
from metier.data.reading import read
from metier.data.rows import Rows
from metier.errors import BundleError, CallError, DataError, MissingColumnError
from metier.runs.run_folder import RunFolder, is_run_folder
from metier.runs.run_list import RUNS
from metier.runs.stored_answers import StoredAnswers
from metier.tasks.task_table import load_task

EXPECTED = "the path of a run (runs/…), of a bundle or of a file of answers, or a model"
COSTS = ("trained_on", "latency_ms", "rows_per_second", "size_bytes", "train_seconds")


@dataclass(frozen=True)
class Source:
    """One of those that are compared; nothing is loaded before it is needed.

    Parameters
    ----------
    name : str
        As it was given; it is different from the others'.
    file : Path or None
        Its answers, where they lie in a file from anywhere.
    folder : Path or None
        Its bundle, where it is one.
    given : Model or None
        The model itself, where it is one from elsewhere or was handed over.
    threads : int
        Of the model where it is asked.
    """

    name: str
    file: Path | None = None
    folder: Path | None = None
    given: Model | None = field(default=None, compare=False)
    threads: int = 1

    @cached_property
    def manifest(self) -> Manifest | None:
        """What is stated of its bundle."""
        return None if self.folder is None else read_manifest(self.folder)

    @property
    def task(self) -> TaskFacts | None:
        """What it predicts; None of a file, which does not say it."""
        if self.given is not None:
            return self.given.task
        return None if self.manifest is None else self.manifest.task

    @property
    def roles(self) -> dict[str, str]:
        """The columns of its training rows, by their role."""
        if self.given is not None:
            return dict(self.given.roles)
        return {} if self.manifest is None else self.manifest.data.roles

    @cached_property
    def model(self) -> Model:
        """What answers."""
        assert self.given is not None or self.folder is not None  # A file is not asked.
        return self.given or load_model(self.folder or "", threads=self.threads)

    @cached_property
    def run(self) -> RunFolder | None:
        """The run that it is a candidate of; None where it is none."""
        if self.folder is None or self.folder.parent.name != "candidates":
            return None
        above = self.folder.parent.parent
        return RunFolder.open(above) if is_run_folder(above) else None

    @property
    def candidate(self) -> str:
        """Its name in its run, or that of its method."""
        if self.folder is not None:
            return self.folder.name
        return self.given.name if self.given is not None else ""

    @cached_property
    def report(self) -> dict[str, Any] | None:
        """The report of its run; None where it is of none, or is not finished."""
        return None if self.run is None else self.run.report()

    @property
    def fingerprint(self) -> str | None:
        """That of the test rows of its run, whose answers are kept."""
        if self.run is None or not self.run.has_answers(self.candidate, "test"):
            return None
        found: str | None = (self.run.read_json("data.json") or {}).get("fingerprints", {}).get("test")
        return found

    def stored(self) -> StoredAnswers:
        """Give what it answered to the test rows of its run."""
        assert self.run is not None  # Asked only where there is a fingerprint.
        return self.run.answers(self.candidate, "test")

    def reported(self) -> dict[str, Any] | None:
        """Give what the report states of it: its figures on the test rows, and what it costs."""
        candidates = [] if self.report is None else self.report["candidates"]
        return next((one for one in candidates if one["name"] == self.candidate), None)


def open_sources(given: Sequence[Any], *, threads: int) -> list[Source]:
    """Give what is compared, with names that differ.

    Raises
    ------
    CallError
        If there are fewer than two, one is given twice, or there is nothing at a path.
    BundleError
        If a folder is neither a bundle nor a finished run.
    UnsafeFileError
        If a file is a pickle.
    """
    sources = [_open(one, threads) for one in given]
    names = [source.name for source in sources]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CallError(f"{twice} is given twice. Compare it with another.")
    if len(sources) < 2:
        raise CallError(
            "Comparing takes two or more: runs, bundles, models or files of answers. See which runs there are with: "
            "metier runs list"
        )
    return sources


def _open(given: Any, threads: int) -> Source:
    if not isinstance(given, str | Path):
        if not isinstance(given, Model):
            path_of(given, "What is compared", expected=EXPECTED)
        return Source(given.name, given=given, folder=_folder_of(given))
    path = Path(given)
    by_name = RUNS / path  # A run below the folder of runs, by its name.
    found = by_name if not path.exists() and is_run_folder(by_name) else path
    if found.is_dir() and is_classifier_folder(found):
        return Source(str(given), given=load_model(found, threads=threads))
    if found.suffix.lower() in PICKLES:
        load_model(found)  # Refuses it in a sentence.
    if found.is_file() and found.name not in ("manifest.json", "predictor.json"):
        return Source(str(given), file=found)
    return Source(str(given), folder=resolve_bundle(found), threads=threads)


def _folder_of(model: Model) -> Path | None:
    """Give the folder of a bundle that was handed over, whose run may keep its answers."""
    sealed = model.folder is not None and (model.folder / "manifest.json").is_file()
    return model.folder if sealed else None


def check_same_task(sources: Sequence[Source]) -> TaskFacts | None:
    """Give the task of what is compared; None where only files are.

    Raises
    ------
    CallError
        If two are of different tasks, or order grades differently.
    """
    stated = [(source.name, source.task) for source in sources]
    known = [(name, facts) for name, facts in stated if facts is not None]
    for name, facts in known[1:]:
        first, own = known[0]
        if facts.name != own.name:
            raise CallError(
                f"{first} and {name} are of different tasks ({own.name} and {facts.name}), so their answers cannot be "
                "compared. Compare models of one task."
            )
        if load_task(own.name).is_ordered and facts.labels != own.labels:
            raise CallError(
                f"{first} and {name} have other grades or another order of them, so their answers cannot be compared. "
                "Train both on the same grades."
            )
    return known[0][1] if known else None


def same_fingerprint(sources: Sequence[Source]) -> str | None:
    """Give the fingerprint of the test rows that all answered in their runs; None where they did not.

    Raises
    ------
    CallError
        If all are of runs, and these have different test rows.
    """
    prints = [source.fingerprint for source in sources]
    if any(one is None for one in prints):
        return None
    other = next((place for place, one in enumerate(prints) if one != prints[0]), None)
    if other is None:
        return prints[0]
    raise CallError(different_rows(sources[0].name, sources[other].name))


def different_rows(first: str, other: str) -> str:
    """Say why two runs cannot be compared row by row."""
    return (
        f"{first} and {other} have different test rows, so their figures are not of the same thing. Let both answer the "
        "same ones: metier compare … --truth FILE"
    )


def test_rows_of(source: Source) -> Rows | None:
    """Read the test rows of a run again from their file; None where it is not there any more, or has changed."""
    assert source.run is not None
    try:
        settings = yaml.safe_load(source.run.settings_path.read_text(encoding="utf-8"))["data"]
        origins = (source.run.read_json("data.json") or {}).get("origins", {})
        file = settings["test"] or origins.get("test")
        if not file or file == origins.get("train") or not Path(file).exists():
            return None  # Part of the training rows was held out, or they came from no file.
        how: dict[str, Any] = {
            name: settings[name] for name in ("encoding", "delimiter", "header", "separator")
        }
        unsplit = dict.fromkeys(("time", "split"), "none")
        how |= {role: column for role, column in source.roles.items() if role not in unsplit} | unsplit
        rows = read(file, **how)
    except (DataError, MissingColumnError, BundleError, KeyError, TypeError, ValueError, yaml.YAMLError):
        return None
    return rows if rows.fingerprint == source.fingerprint else None
