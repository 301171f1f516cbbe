"""The folder of a run: what is kept where, and what an interrupted run left behind.

A candidate is done when its `answers/<name>.json` exists: that file is written last, beside and then renamed.
So a run that was killed at any moment is resumed from what is whole, and nothing half-written is ever read.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.errors import BundleError, CallError, StorageError
from metier.regular_files import check_folder
from metier.runs import stored_answers
from metier.runs.stored_answers import StoredAnswers

SETTINGS_FILE = "settings.yaml"  # Every setting of the run, defaults filled in.
# What a report has to hold to be read as one.
REPORT_PARTS = frozenset({"task", "primary_metric", "metrics", "recommended", "candidates", "data", "settings"})
PARTS = ("candidates", "answers")  # The folders that every run has.
TRUTH = "truth"  # What the rows should be answered with; stored as a candidate's answers are.


@dataclass
class Entry:
    """What is known of one candidate of a run.

    Parameters
    ----------
    name : str
        Versioned name of its method.
    status : {"trained", "dropped", "failed"}
        Whether it is compared.
    why : str or None
        Why it was dropped or how it failed, in a sentence.
    trained_on : {"train", "train + validation"}
        Which rows the model in the candidate's folder has seen; its test figures describe that model.
    train_seconds : float
        Wall time of the fit that made the model in the folder, its export included.
    export_seconds : float
        What of it went into the export.
    params : dict
        The choices that the fit made.
    cost : dict
        What was measured of its predictor: `latency_ms`, `rows_per_second`, `size_bytes`.
    facts : dict
        What else the method found worth telling.
    members : list of str
        For an ensemble: the candidates it is made of.
    fraction : float
        Of the training rows: what it was trained on where all of them did not fit into the budget.
    """

    name: str
    status: str = "trained"
    why: str | None = None
    trained_on: str = "train"
    train_seconds: float = 0.0
    export_seconds: float = 0.0
    params: dict[str, Any] = field(default_factory=dict)
    cost: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)
    fraction: float = 1.0

    @property
    def rows_seen(self) -> str:
        """Which rows the model has seen, and how many of them: `train`, `40 % of train`."""
        return self.trained_on if self.fraction == 1 else f"{percent(self.fraction)} of {self.trained_on}"


def percent(fraction: float) -> str:
    """Write a part of the rows: `40 %`, `3.34 %`."""
    return f"{100 * fraction:.3g} %"


@dataclass(frozen=True)
class RunFolder:
    """Paths and files of one run."""

    path: Path

    @classmethod
    def create(cls, path: Path | None, *, name: str, overwrite: bool = False) -> Self:
        """Make a new run folder.

        Parameters
        ----------
        path : Path or None
            None: `runs/<time>-<name>` below the working directory.
        overwrite : bool
            Whether an older run at this path is removed.

        Raises
        ------
        CallError
            If there is something at the path already.
        StorageError
            If the folder cannot be made.
        """
        path = path or Path("runs") / f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{name}"
        if cls.is_taken(path, overwrite=overwrite):
            shutil.rmtree(path.resolve())  # A link to a run stays, and leads to the new one.
        try:
            for folder in PARTS:
                (path.resolve() / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The run folder {path} cannot be made ({error.strerror}). Name another with --run."
            ) from None
        return cls(path)

    @staticmethod
    def is_taken(path: Path, *, overwrite: bool) -> bool:
        """Say whether an older run is at the path, which may be removed.

        Raises
        ------
        CallError
            If what is at the path has to stay.
        """
        if not path.exists() or not any(path.iterdir() if path.is_dir() else [path]):
            return False
        is_run = is_run_folder(path)
        if not (overwrite and is_run):
            remedy = "Add --overwrite, or name" if is_run else "It is not a run, so it stays; name"
            raise CallError(f"{path} exists already. {remedy} another folder with --run.")
        return True

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder of an earlier run.

        Raises
        ------
        CallError
            If there is no run at the path.
        UnsafeFileError
            If it holds a pipe, a device or a link that leads out of it.
        """
        if not (path / SETTINGS_FILE).exists():
            raise CallError(
                f"{path} is not a run: it has no settings.yaml. Give the folder that `metier train` printed."
            )
        check_folder(path)
        return cls(path)

    def candidate(self, name: str) -> Path:
        """The folder of a candidate's bundle."""
        return self.path / "candidates" / name

    def checkpoint(self, name: str) -> Path:
        """Where a long fit keeps its checkpoints."""
        return self.path / "checkpoints" / name

    @property
    def settings_path(self) -> Path:
        """Every setting of the run, defaults filled in."""
        return self.path / SETTINGS_FILE

    @property
    def report_path(self) -> Path:
        """The report for programs; the page for people lies beside it."""
        return self.path / "report.json"

    @property
    def is_finished(self) -> bool:
        """Whether it is whole: the report is written last."""
        return self.report_path.exists()

    def report(self) -> dict[str, Any] | None:
        """The facts of a finished run; None of any other.

        Raises
        ------
        BundleError
            If the file is there and cannot be what a run wrote.
        """
        try:
            found = self.read_json(self.report_path.name)
        except ValueError:  # No JSON, or no text.
            found = {}
        if found is not None and not (isinstance(found, dict) and found.keys() >= REPORT_PARTS):
            raise BundleError(
                f"{self.report_path} is damaged: it is not the report that `metier train` wrote. Remove that file, and "
                f"let the run write it again: metier train --resume {self.path}"
            )
        return found

    def entry(self, name: str) -> Entry | None:
        """What is known of a finished candidate; None while it is not finished."""
        path = self.path / "answers" / f"{name}.json"
        return Entry(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def save_entry(self, entry: Entry) -> None:
        """Mark a candidate as finished."""
        self.write_json(Path("answers") / f"{entry.name}.json", asdict(entry))

    def answers(self, name: str, split: str) -> StoredAnswers:
        """What a candidate answered to the rows of a split."""
        return stored_answers.load(self.path / "answers" / f"{name}.{split}")

    def has_answers(self, name: str, split: str) -> bool:
        """Whether the answers of a candidate to the rows of a split are kept."""
        return stored_answers.is_kept(self.path / "answers" / f"{name}.{split}")

    def probabilities(self, name: str, split: str) -> np.ndarray:
        """Probabilities that a candidate gave to the rows of a split, of shape (n_rows, n_labels)."""
        found = self.answers(name, split).probabilities
        assert found is not None  # Asked only of candidates that answer with labels.
        return found

    def truth(self, split: str) -> tuple[list[Any], np.ndarray | None] | None:
        """What the rows of a split should be answered with, and the group of each; None in a run without it."""
        path = self.path / "answers" / f"{TRUTH}.{split}"
        if not path.with_name(f"{path.name}.jsonl").exists():
            return None
        found = stored_answers.load(path)
        groups = np.array([record["group"] for record in found.records]) if found.records else None
        return found.predicted, groups

    def save_truth(self, targets: Sequence[Any], groups: np.ndarray | None, split: str) -> None:
        """Keep what the rows of a split should be answered with, so that runs can be compared."""
        records = [] if groups is None else [{"group": int(group)} for group in groups]
        self.save_answers(TRUTH, split, StoredAnswers(list(targets), None, records))

    def save_answers(self, name: str, split: str, answers: StoredAnswers) -> None:
        """Keep what a candidate answered to the rows of a split."""
        stored_answers.write(answers, self.path / "answers" / f"{name}.{split}")

    def read_json(self, name: str | Path) -> dict[str, Any] | None:
        """Read a JSON file of the run; None if it is not there."""
        path = self.path / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def write_json(self, name: str | Path, facts: Mapping[str, Any]) -> None:
        """Write a JSON file of the run, beside and then renamed."""
        self.write_text(name, json.dumps(facts, ensure_ascii=False, indent=1) + "\n")

    def write_text(self, name: str | Path, text: str) -> None:
        """Write a text file of the run, beside and then renamed; a full disk leaves nothing half-written."""
        path = self.path / name
        partial = path.with_name(path.name + ".partial")
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StorageError(
                f"{path} cannot be written ({error.strerror}). Free some space, then --resume {self.path}."
            ) from None

    def point_best(self, name: str) -> None:
        """Let `best` point at a candidate; the switch is atomic."""
        link = self.path / "best"
        fresh = self.path / "best.partial"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("candidates") / name)
        fresh.replace(link)

    def log(self, sentence: str) -> None:
        """Add a line with the time to the run's log."""
        with (self.path / "train.log").open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now().isoformat(timespec='seconds')} {sentence}\n")


def is_run_folder(path: Path) -> bool:
    """Whether a folder is a run: a settings file alone may be anybody's."""
    return (path / SETTINGS_FILE).is_file() and all((path / part).is_dir() for part in PARTS)


def plain(value: Any) -> Any:
    """Turn numpy values inside nested facts into JSON's own; a float that is not a number becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
