"""The folder of a run: what is kept where, and what an interrupted run left behind.

A candidate is done when its `answers/<name>.json` exists: that file is written last, beside and then renamed.
So a run that was killed at any moment is resumed from what is whole, and nothing half-written is ever read.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.errors import BundleError, CallError, StorageError
from metier.file_locks import held, remove_left
from metier.given_files import FileFaultError, given_json
from metier.printable import printable
from metier.regular_files import check_folder
from metier.runs import stored_answers
from metier.runs.stored_answers import StoredAnswers
from metier.storage import LEFT_OVER, PARTIAL, old_of, put_back, replace_folder, storage_errors, write_text

SETTINGS_FILE = "settings.yaml"  # Every setting of the run, defaults filled in.
# What a report has to hold to be read as one.
SEVERAL_FILE = "several.json"  # The report of a run of several tasks, whose folders are runs.
REPORT_PARTS = frozenset({"task", "primary_metric", "metrics", "recommended", "candidates", "data", "settings"})
PARTS = ("candidates", "answers")  # The folders that every run has.
LOCK_FILE = ".lock"  # Held by the process that works on the run.
REMEDY = "Free some space."
# How names begin and end of what is not whole yet, among the candidates and answers of a run.
BEGINNINGS, ENDINGS = (".export-", ".members-"), (PARTIAL, ".job")
FILES = "files"  # Of an entry as it is stored: the sizes of its export's files.
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
        path = path or _free(Path("runs") / f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{name}")
        is_taken, run = cls.is_taken(path, overwrite=overwrite), cls(path)
        try:
            if is_taken:
                with run.held():
                    run._empty()
            for folder in PARTS:
                (path.resolve() / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The run folder {path} cannot be made ({error.strerror}). Name another with --run."
            ) from None
        return run

    @classmethod
    def is_taken(cls, path: Path, *, overwrite: bool) -> bool:
        """Say whether an older run is at the path, which may be removed.

        Raises
        ------
        CallError
            If what is at the path has to stay.
        InUseError
            If a process works on it.
        """
        if not path.exists() or (path.is_dir() and _is_unbegun(path)):
            return False
        is_run = is_run_folder(path)
        if (path / LOCK_FILE).exists():
            with contextlib.suppress(OSError), held(path / LOCK_FILE, what=path):
                pass  # Nobody works on it.
        if not (overwrite and is_run):
            remedy = "Add --overwrite, or name" if is_run else "It is not a run, so it stays; name"
            raise CallError(f"{path} exists already. {remedy} another folder with --run.")
        with cls(path).held():
            return True

    def check_unbegun(self) -> None:
        """Raise `CallError` where another process began a run here since it was seen to be free; the run is held."""
        if self.settings_path.exists():
            raise CallError(f"{self.path} exists already. Name another folder with --run.")

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
        if path.is_dir() and any(path.iterdir()) and _is_unbegun(path):
            raise CallError(f"Nothing was begun in {path}. Begin the run again: metier train FILE --run {path}")
        if not (path / SETTINGS_FILE).exists():
            raise CallError(
                f"{path} is not a run: it has no settings.yaml. Give the folder that `metier train` printed."
            )
        check_folder(path)
        return cls(path)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let no other process work on the run meanwhile.

        Raises
        ------
        InUseError
            If one does.
        """
        with contextlib.ExitStack() as lock:
            with storage_errors(self.path / LOCK_FILE, remedy=REMEDY):
                lock.enter_context(held(self.path / LOCK_FILE, what=self.path))
            yield

    def remove_left_lock(self) -> None:
        """Remove the lock that a process left which was killed after it had finished the run."""
        remove_left(self.path / LOCK_FILE)

    def recover(self) -> None:
        """Remove what a killed process left unfinished, and undo a refit that was not entered; the run is held."""
        for old in [*self.path.rglob("candidates/*.old")]:
            folder = old.with_suffix("")
            entry = RunFolder(old.parents[1]).entry(folder.name)
            if entry is not None and entry.trained_on == "train":
                shutil.rmtree(folder, ignore_errors=True)
            put_back(folder)
        (self.path / f"best{PARTIAL}").unlink(missing_ok=True)
        for root, folders, files in os.walk(self.path):
            ours = bool({*PARTS}.intersection(Path(root).relative_to(self.path).parts))
            for name in [one for one in (*folders, *files) if _is_unfinished(one, ours=ours)]:
                _remove(Path(root, name))
            folders[:] = [one for one in folders if not _is_unfinished(one, ours=ours)]

    def candidate(self, name: str) -> Path:
        """The folder of a candidate's bundle."""
        return self.path / "candidates" / name

    def replace_candidate(self, name: str, partial: Path) -> None:
        """Put a candidate's new folder in place; the old one is removed when the entry is saved."""
        with storage_errors(self.candidate(name), remedy=REMEDY):
            replace_folder(partial, self.candidate(name))

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
        except BundleError:  # No JSON, or no text.
            found = {}
        if found is not None and not (isinstance(found, dict) and found.keys() >= REPORT_PARTS):
            raise BundleError(
                f"{self.report_path} is damaged: it is not the report that `metier train` wrote. Remove that file, and "
                f"let the run write it again: metier train --resume {self.path}"
            )
        return found

    def entry(self, name: str) -> Entry | None:
        """What is known of a finished candidate; None while it is not finished."""
        facts = self.read_json(_entry_file(name))
        return None if facts is None else Entry(**{key: facts[key] for key in facts if key != FILES})

    def save_entry(self, entry: Entry) -> None:
        """Mark a candidate as finished, and keep how long the files of its export are."""
        facts = asdict(entry) | {FILES: _sizes(self.candidate(entry.name))}
        self.write_json(_entry_file(entry.name), facts)
        shutil.rmtree(old_of(self.candidate(entry.name)), ignore_errors=True)

    def forget_damaged(self) -> list[str]:
        """Forget finished candidates whose export lacks a file or a part of one, so that they are trained again.

        An ensemble keeps its entry: only its export is to be written again. The run is held.

        Returns
        -------
        list of str
            What is damaged of each, in a sentence.
        """
        told = []
        for name in sorted(path.stem for path in (self.path / "answers").glob("*.json")):
            facts = self.read_json(_entry_file(name)) or {}
            found = _sizes(self.candidate(name))
            damaged = [file for file, size in facts.get(FILES, {}).items() if found.get(file) != size]
            if damaged:
                if not facts["members"]:
                    (self.path / _entry_file(name)).unlink()
                shutil.rmtree(self.candidate(name), ignore_errors=True)
                told.append(f"{name}: {damaged[0]} of its export is damaged, so it is made again")
        return told

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
        return found.predicted, _noted(found, "group")

    def folds(self, split: str) -> np.ndarray | None:
        """The fold of each row of a split, from 0; None in a run that did not keep it."""
        return _noted(stored_answers.load(self.path / "answers" / f"{TRUTH}.{split}"), "fold")

    def save_truth(
        self,
        targets: Sequence[Any],
        groups: np.ndarray | None,
        split: str,
        *,
        folds: np.ndarray | None = None,
    ) -> None:
        """Keep what the rows of a split should be answered with, so that runs can be compared."""
        kept = {name: of for name, of in (("group", groups), ("fold", folds)) if of is not None}
        records = [dict(zip(kept, map(int, row), strict=True)) for row in zip(*kept.values(), strict=True)]
        self.save_answers(TRUTH, split, StoredAnswers(list(targets), None, records))

    def save_answers(self, name: str, split: str, answers: StoredAnswers) -> None:
        """Keep what a candidate answered to the rows of a split."""
        stored_answers.write(answers, self.path / "answers" / f"{name}.{split}")

    def read_json(self, name: str | Path) -> dict[str, Any] | None:
        """Read a JSON file of the run; None if it is not there."""
        path = self.path / name
        try:
            found: dict[str, Any] | None = given_json(path) if path.exists() else None
        except FileFaultError as error:
            raise BundleError(
                f"{path} is damaged ({error}). Get the folder of the run from its source again, or train anew."
            ) from None
        return found

    def write_json(self, name: str | Path, facts: Mapping[str, Any], *, durable: bool = True) -> None:
        """Write a JSON file of the run, beside and then renamed."""
        self.write_text(name, json.dumps(facts, ensure_ascii=False, indent=1) + "\n", durable=durable)

    def write_text(self, name: str | Path, text: str, *, durable: bool = True) -> None:
        """Write a text file of the run, beside and then renamed; a full disk leaves nothing half-written.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        write_text(self.path / name, text, durable=durable, remedy=REMEDY)

    def point_best(self, name: str) -> None:
        """Let `best` point at a candidate; the switch is atomic."""
        link, fresh = self.path / "best", self.path / f"best{PARTIAL}"
        with storage_errors(link, remedy=REMEDY):
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(Path("candidates") / name)
            fresh.replace(link)

    def log(self, sentence: str) -> None:
        """Add a line with the time to the run's log."""
        path = self.path / "train.log"
        line = f"{datetime.now().isoformat(timespec='seconds')} {printable(sentence)}\n"
        with (
            storage_errors(path, remedy=REMEDY),
            path.open("a", encoding="utf-8", errors="backslashreplace") as file,
        ):
            file.write(line)

    def _empty(self) -> None:
        """Remove everything of an older run; it is one, which may be removed, until its settings go as the last."""
        folder = self.path.resolve()  # A link to a run stays, and leads to the new one.
        inside = [one for part in PARTS for one in (folder / part).iterdir()]
        last = {*PARTS, LOCK_FILE, SETTINGS_FILE}
        for path in (*inside, *(one for one in folder.iterdir() if one.name not in last)):
            _remove(path)
        (folder / SETTINGS_FILE).unlink()


def _noted(truth: StoredAnswers, what: str) -> np.ndarray | None:
    """Give what is kept of each row beside its truth; None where it is not."""
    has_it = bool(truth.records) and what in truth.records[0]
    return np.array([record[what] for record in truth.records]) if has_it else None


def _entry_file(name: str) -> Path:
    return Path("answers") / f"{name}.json"


def _sizes(folder: Path) -> dict[str, int]:
    """Give how many bytes each file below a folder has, by its path from there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _is_unbegun(path: Path) -> bool:
    """Whether a folder holds no more than what is made before anything of a run is written."""
    names = {one.name for one in path.iterdir() if not _is_unfinished(one.name, ours=False)}
    parts = names.intersection(PARTS)
    is_empty = all((path / part).is_dir() and not any((path / part).iterdir()) for part in parts)
    return is_empty and names <= {*PARTS, LOCK_FILE}


def _is_unfinished(name: str, *, ours: bool) -> bool:
    """Whether a name is that of something half-written; where others may keep files, only one that is surely ours."""
    return bool(LEFT_OVER.fullmatch(name)) or (ours and (name.startswith(BEGINNINGS) or name.endswith(ENDINGS)))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _free(path: Path) -> Path:
    """Give a path where nothing is: two runs may begin in the same second."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def is_run_folder(path: Path) -> bool:
    """Whether a folder is a run: a settings file alone may be anybody's."""
    settings = path / SETTINGS_FILE  # A pipe in its place is a damaged run, and not none.
    return settings.exists() and not settings.is_dir() and all((path / part).is_dir() for part in PARTS)


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
