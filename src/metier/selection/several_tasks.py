"""Several tasks over one set of rows: each by a run of its own, then all by one encoder, and which of the two to ship.

All share one split, so what is learned beside a task's rows has never seen its test rows. A run trains each task alone,
then one encoder is trained for all of them (`training.shared_encoder`). Its answers are compared with those of the
recommended candidate of each run by paired tests: which to ship is chosen on the validation rows, the test rows are
answered afterwards.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier import training
from metier.bundles import Bundle, load_bundle
from metier.data import Rows, Splits, drop_unlabelled, split_rows
from metier.predictors.composite.several import KIND
from metier.predictors.loading import SETTINGS_FILE, write_settings
from metier.progress import Listener, Progress
from metier.report.several_page import render_several
from metier.runs.run_folder import SEVERAL_FILE, RunFolder, plain
from metier.selection.asked_tasks import estimator_of
from metier.selection.budget import Clock, seconds_since_process_start
from metier.selection.execution.measuring import seconds_to_measure
from metier.selection.finished_run import Run
from metier.selection.settings import TrainSettings
from metier.selection.several_report import APART, TOGETHER, compared_tasks, seal_several
from metier.selection.task_alone import Alone
from metier.storage import replace_folder, share_content
from metier.tasks.asked_task import AskedTask

# Carries out a run, or resumes it: from its rows, settings and folder.
RunOne = Callable[[Rows, TrainSettings, Path], Run]
TOGETHER_FRACTION = 0.4  # Of the budget; the runs of the tasks share the rest.
LEAST_SHARE = 0.25  # Of its share of the time, what a task gets after others that took too long.
LEAST_TOGETHER = (
    0.04  # Of the budget, below which the encoder of all tasks is not trained: a tenth of its share.
)
FIXED_SECONDS = 10.0  # Loading the base and writing the graph, on a processor of its own.


@dataclass(frozen=True)
class SeveralRun:
    """A finished run of several tasks.

    Parameters
    ----------
    folder : Path
        Where a run a task lies, and the bundles that answer all of them.
    report : dict
        The facts, as in `several.json`.
    """

    folder: Path
    report: dict[str, Any]

    @property
    def best(self) -> Bundle:
        """The recommended bundle, which answers every task."""
        return load_bundle(self.folder / "best")

    def run(self, task: str) -> Run:
        """Give the run of one task by itself."""
        return Run.open(self.folder / AskedTask.of(task).folder)


def train_several(
    tasks: Sequence[tuple[AskedTask, Rows]],
    settings: TrainSettings,
    folder: RunFolder,
    run_one: RunOne,
    listener: Listener,
) -> SeveralRun:
    """Train several tasks alone and together, and say which to ship.

    Parameters
    ----------
    tasks : sequence of AskedTask and Rows
        As `read_tasks` gives them.
    settings : TrainSettings
        `task` names the tasks.
    folder : RunFolder
        Gets a run a task, the bundles `together.v1` (where there was time to train it) and `apart.v1`, and the report.
    run_one : callable
        Carries out or resumes a run: from rows, settings and a folder to a `Run`.
    """
    clock = Clock(settings.budget_minutes * 60, seconds_since_process_start())
    alone = _trained_alone(tasks, settings, folder, run_one, clock, listener)
    seconds = _seconds_together(alone, clock)
    is_trained = (folder.candidate(TOGETHER) / SETTINGS_FILE).exists()  # By an earlier attempt.
    if not is_trained and seconds >= LEAST_TOGETHER * clock.budget_seconds:
        _train_together(alone, settings, folder, clock, listener, minutes=seconds / 60)
        is_trained = True
    _put_apart(alone, folder)
    with clock.phase("comparing"):
        report = compared_tasks(alone, settings, folder, names=[*([TOGETHER] if is_trained else []), APART])
    report["together_seconds"] = round(seconds, 1)
    for name in report["costs"]:
        seal_several(folder.candidate(name), name, alone, report)
    folder.point_best(report["recommended"])
    report |= {"seconds": round(clock.elapsed_seconds, 1), "phases": clock.phases}
    facts = dict(plain(report))
    folder.write_text("report.html", render_several(facts, language=settings.report_language))
    folder.write_json(SEVERAL_FILE, facts)  # Last: a run with this file is whole.
    return SeveralRun(folder.path, facts)


def _trained_alone(
    tasks: Sequence[tuple[AskedTask, Rows]],
    settings: TrainSettings,
    folder: RunFolder,
    run_one: RunOne,
    clock: Clock,
    listener: Listener,
) -> list[Alone]:
    """Train each task by itself: of the time for all of them that is left, each gets an equal share."""
    share, alone, spent = clock.budget_seconds * (1 - TOGETHER_FRACTION), list[Alone](), clock.elapsed_seconds
    for number, (one, own) in enumerate(tasks):
        seconds = max((share - spent) / (len(tasks) - number), LEAST_SHARE * share / len(tasks))
        listener(Progress(f"{one.name}: trained alone", 1, 1, unit=""))
        own_settings = settings.model_copy(
            update={
                "task": one.task,
                "budget_minutes": seconds / 60,
                "refit": False,
                "data": _unread(settings),
            }
        )
        began = clock.elapsed_seconds
        with clock.phase(one.name):
            run = run_one(own, own_settings, folder.path / one.folder)
        alone.append(Alone(one, _split(own, settings), run))
        # A run that was finished before took its time in another process.
        took = clock.elapsed_seconds - began
        clock.spent_seconds += max(0.0, run.report["seconds"] - took)
        spent = clock.elapsed_seconds
    return alone


def _seconds_together(alone: Sequence[Alone], clock: Clock) -> float:
    """Give how long the encoder of all tasks may train: what is left before the end of the run has to begin."""
    per_row = max(_seconds_per_row(one) for one in alone)
    validation, test = (len(alone[0].splits.part(part)) for part in ("validation", "test"))
    # The validation rows are answered when the clock has stopped the training, for the temperatures, and to compare.
    answering = per_row * (3 * validation + test)
    measuring = seconds_to_measure(per_row) + seconds_to_measure(per_row * len(alone))
    closing = clock.closing_seconds + FIXED_SECONDS * clock.slowdown + answering + measuring
    return clock.left_seconds - closing


def _seconds_per_row(one: Alone) -> float:
    """Give what an answer of the encoder takes that was trained for a task alone, or of the slowest candidate."""
    measured = {
        own["name"]: own["latency_ms"]["mean"] / 1000 for own in one.run.candidates if own["latency_ms"]
    }
    return float(measured.get(estimator_of(one.asked).name, max(measured.values(), default=0.0)))


def _unread(settings: TrainSettings) -> Any:
    """Give the settings of the data without what has been read already."""
    return settings.data.model_copy(update={"train": None, "test": None, "validation": None})


def _split(rows: Rows, settings: TrainSettings) -> Splits:
    if settings.data.drop_unlabelled:
        rows, _ = drop_unlabelled(rows)
    return split_rows(rows, random_state=settings.random_state, keep_rare=settings.data.keep_rare)


def _train_together(
    alone: Sequence[Alone],
    settings: TrainSettings,
    folder: RunFolder,
    clock: Clock,
    listener: Listener,
    *,
    minutes: float,
) -> None:
    """Train one encoder for all tasks and export it."""
    place = folder.candidate(TOGETHER)
    with clock.phase(f"{TOGETHER}: training"):
        parts = [one.part(settings) for one in alone]
        fitted = training.train_together(parts, name=TOGETHER, minutes=minutes, listener=listener)
    shared = [training.SharedPart(part.name, part.method, own) for part, own in zip(parts, fitted, strict=True)]
    partial = place.with_name(f".{TOGETHER}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with clock.phase(f"{TOGETHER}: writing"):
        training.export_shared(shared, partial, name=TOGETHER)
    replace_folder(partial, place)


def _put_apart(alone: Sequence[Alone], folder: RunFolder) -> None:
    """Put the recommended predictors of the tasks into one folder; large files lie on the disk once."""
    place = folder.candidate(APART)
    partial = place.with_name(f".{APART}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    entries = []
    for one in alone:
        source, own = (one.run.folder / "best").resolve(), partial / one.asked.folder
        shutil.copytree(source, own, ignore=shutil.ignore_patterns("huggingface", "README.md", "manifest.json"))
        for path in filter(Path.is_file, own.rglob("*")):
            share_content(source / path.relative_to(own), path)
        entries.append({"task": one.asked.name, "folder": one.asked.folder})
    write_settings(partial, {"kind": KIND, "name": APART, "labels": [], "tasks": entries})
    replace_folder(partial, place)
