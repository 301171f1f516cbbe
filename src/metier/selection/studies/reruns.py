"""The race run again, with another seed or fewer rows, to see how far its figures would have been others.

A rerun keeps what the first race planned (epochs, arguments, validation rows) and lies in a folder of its own
below the run's, so that one that was interrupted is resumed like any other. What answers cost is not measured
again. Models of reruns see the training rows alone: they answer for how candidates learn, and none of them
ships.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sklearn.base import clone

from metier.data.rows import Rows
from metier.errors import MetierError
from metier.predictors.loading import load_predictor
from metier.progress import Listener, Progress
from metier.runs.run_folder import Entry, RunFolder
from metier.runs.stored_answers import StoredAnswers, keep
from metier.selection.comparison import Race
from metier.selection.execution.ensembles import FUSIONS
from metier.selection.plan import Plan, Planned

FOLDER = "reruns"
FIRST = "first"
# The machine is shared; a rerun that overdraws the budget would cost the report its time.
MARGIN = 1.15
# Loading a model, answering the validation rows and, at the end, the test rows.
ANSWERING_SECONDS = 1.0


@dataclass
class Rerun(Race):
    """A race over the same validation rows, whose candidates cost what they cost the first time.

    Parameters
    ----------
    methods : dict of str to estimator
        What runs, unfitted, by name.
    known : dict of str to Entry
        What the first race found: fusions pick their members by these costs.
    """

    methods: dict[str, Any] = field(default_factory=dict)
    known: dict[str, Entry] = field(default_factory=dict)

    def run_one(self, name: str) -> Entry:
        """Train a candidate, unless an interrupted run has done so already."""
        entry = self.run.entry(name) or self._enter(Planned(name, self.methods[name]))
        self.entries.append(entry)
        return entry

    def adopt(self, name: str, first: "Rerun") -> Entry:
        """Take a candidate over that would be the same here."""
        entry = self.run.entry(name)
        if entry is None:
            entry = next(one for one in first.trained if one.name == name)
            _link(first.run, self.run, entry)
        self.entries.append(entry)
        return entry

    def fuse_like_the_first(self) -> None:
        """Join what the first race joined, where every part of it was trained here too."""
        here = {entry.name for entry in self.trained}
        singles = {name for name, entry in self.known.items() if not entry.members}
        for name, entry in self.known.items():
            if entry.members and singles <= here:
                self._join(name, entry)

    def _join(self, name: str, first: Entry) -> None:
        self.joiners[name] = FUSIONS[name](name)
        try:
            entry = self.joiners[name].join(self)
        except MetierError as error:
            entry = Entry(name, status="failed", why=str(error))
        # Other members make another fusion: its figures would say nothing about the first.
        if entry.status == "trained" and entry.members == first.members:
            self._add(entry)

    def measured(self, entry: Entry) -> Entry:
        """Let the predictor answer the validation rows; what that costs is known."""
        folder = self.run.candidate(entry.name)
        predictor = load_predictor(folder, threads=self.settings.threads)
        answers = keep(predictor.predict(self.validation_items), self.task.labels)
        self.run.save_answers(entry.name, "validation", answers)
        entry.cost = self.known[entry.name].cost
        return entry

    def answer(self, items: Sequence[Any]) -> None:
        """Let every candidate answer the test rows."""
        for entry in self.trained:
            predictor = load_predictor(self.run.candidate(entry.name), threads=self.settings.threads)
            self.run.save_answers(entry.name, "test", keep(predictor.predict(items), self.task.labels))

    def answered(self, name: str, split: str) -> StoredAnswers:
        """What a candidate answered to the rows of a split."""
        return self.run.answers(name, split)


@dataclass
class Reruns:
    """Makes the reruns of a race, and keeps the models it trained first from being replaced by a refit."""

    race: Race
    plan: Plan
    made: dict[str, Rerun] = field(default_factory=dict)

    @property
    def seconds(self) -> dict[str, float]:
        """What each candidate took to be trained on the training rows, cheapest first, fusions left out."""
        spent = {entry.name: entry.train_seconds for entry in self.first.trained if not entry.members}
        return dict(sorted(spent.items(), key=lambda pair: pair[1]))

    def fits(self, seconds: float, *, closing: float) -> bool:
        """Whether a training of so many seconds fits into what is left when the end takes `closing` seconds."""
        return seconds * MARGIN + ANSWERING_SECONDS <= self.race.clock.left_seconds - closing

    @property
    def first(self) -> Rerun:
        """The race's own models, as they were before any refit."""
        return self.made[FIRST]

    def keep_first(self) -> None:
        """Keep the candidates as they are now; done before a refit, and once."""
        rerun = self._build(FIRST, self.race.train, {})
        for entry in self.race.trained:
            kept = rerun.run.entry(entry.name)
            if kept is None:
                _link(self.race.run, rerun.run, entry)
            rerun.entries.append(kept or entry_copy(entry))

    def with_seed(self, seed: int) -> Rerun:
        """Give the race with another seed; the rows are split as they were."""
        return self._build(f"seed-{seed}", self.race.train, {"random_state": seed})

    def with_rows(self, label: str, rows: Rows, seed: int) -> Rerun:
        """Give the race over some of the training rows."""
        return self._build(label, rows, {"random_state": seed})

    def answer(self, items: Sequence[Any]) -> None:
        """Let every rerun answer the test rows, after every choice; then its models are let go."""
        for number, rerun in enumerate(self.made.values()):
            progress = Progress("reruns: answering the test rows", number, len(self.made), unit="reruns")
            self.race.listener(progress)
            rerun.answer(items)

    def close(self) -> None:
        """Remove the models of the reruns; their answers stay."""
        for rerun in self.made.values():
            for name in ("candidates", "checkpoints"):
                shutil.rmtree(rerun.run.path / name, ignore_errors=True)

    def _build(self, label: str, rows: Rows, arguments: dict[str, Any]) -> Rerun:
        if label in self.made:
            return self.made[label]
        race = self.race
        folder = RunFolder(race.run.path / FOLDER / label)
        for part in ("candidates", "answers"):
            (folder.path / part).mkdir(parents=True, exist_ok=True)
        self.made[label] = Rerun(
            folder, race.settings, race.task, rows, race.validation, race.clock, _told_as(label, race.listener),
            methods={name: _changed(method, folder, name, arguments) for name, method in self._methods()},
            fitter=race.fitter,
            known={entry.name: entry_copy(entry) for entry in race.trained},
        )  # fmt: skip
        return self.made[label]

    def _methods(self) -> Iterable[tuple[str, Any]]:
        trained = {entry.name for entry in self.race.trained}
        return [(name, method) for name, method in self.plan.methods.items() if name in trained]


def is_random(method: Any) -> bool:
    """Whether a method takes a seed at all; one that takes none learns the same every time."""
    return "random_state" in method.get_params(deep=False)


def entry_copy(entry: Entry) -> Entry:
    """Give an entry that a refit of the first will not change."""
    return Entry(**asdict(entry))


def _told_as(label: str, listener: Listener) -> Listener:
    """Pass on what takes long, under the rerun's own name: steps of the same name would be taken for one."""

    def hear(progress: Progress) -> None:
        if progress.total is not None and progress.unit == "rows":
            listener(replace(progress, what=f"{label}, {progress.what}"))

    return hear


def _changed(method: Any, folder: RunFolder, name: str, arguments: dict[str, Any]) -> Any:
    fresh = clone(method)
    accepted = fresh.get_params(deep=False)
    ours = {"checkpoint_folder": folder.checkpoint(name), **arguments}
    return fresh.set_params(**{key: value for key, value in ours.items() if key in accepted})


def _link(source: RunFolder, target: RunFolder, entry: Entry) -> None:
    """Give a candidate a second name on the disk: a refit writes new files and leaves these as they are."""
    folder = target.candidate(entry.name)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source.candidate(entry.name), folder, copy_function=_link_file)
    target.save_answers(entry.name, "validation", source.answers(entry.name, "validation"))
    target.save_entry(entry)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # Another file system, or one without links.
        shutil.copy2(source, target)
