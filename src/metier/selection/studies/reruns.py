"""The comparison made again, with another seed or fewer rows, to see how much its scores vary.

A rerun keeps what the first comparison planned (epochs, arguments, validation rows) and lies in a folder of its own
below the run's, so that one that was interrupted is resumed like any other. What answers cost is not measured
again. Models of reruns see the training rows alone: they answer for how candidates learn, and none of them
ships.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sklearn.base import clone

from metier import catalogue
from metier.data.rows import Rows
from metier.progress import Listener, Progress
from metier.runs.run_folder import Entry, RunFolder
from metier.runs.stored_answers import StoredAnswers
from metier.selection.comparison import Comparison
from metier.selection.plan import Plan
from metier.selection.planned import Planned
from metier.tasks.method_contract import Method

FOLDER = "reruns"
FIRST = "first"
# The machine is shared; a rerun that overdraws the budget would cost the report its time.
MARGIN = 1.15
# Loading a model, answering the validation rows and, at the end, the test rows.
ANSWERING_SECONDS = 1.0


@dataclass
class Rerun(Comparison):
    """A comparison over the same validation rows, whose candidates cost what they cost the first time.

    Parameters
    ----------
    methods : dict of str to Method
        What runs, unfitted, by name.
    known : dict of str to Entry
        What the first comparison found: ensembles pick their members by these costs.
    arguments : dict
        What methods are given that the first time were not, as another seed.
    fractions : dict of str to float
        Of the training rows, by name: what the first comparison trained each on.
    """

    methods: dict[str, Method] = field(default_factory=dict)
    known: dict[str, Entry] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    fractions: dict[str, float] = field(default_factory=dict)

    def run_one(self, name: str) -> Entry:
        """Train a candidate, unless an interrupted run has done so already."""
        planned = Planned(name, self.methods[name], fraction=self.fractions.get(name, 1.0))
        entry = self.run.entry(name) or self._enter(planned)
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

    def build_ensembles_like_the_first(self, fits: Callable[[float], bool]) -> list[str]:
        """Build what the first comparison built, where every candidate was trained here too.

        Parameters
        ----------
        fits : callable
            Whether something that takes so many seconds fits into what is left of the budget.

        Returns
        -------
        list of str
            The ensembles that did not fit.
        """
        here = {entry.name for entry in self.trained}
        if not {name for name in self.known if not catalogue.is_ensemble(name)} <= here:
            return []
        left_out = []
        for name, first in self.known.items():
            if not catalogue.is_ensemble(name):
                continue
            if self.run.entry(name) is None and not first.members and not fits(first.train_seconds):
                left_out.append(name)  # What is made of members takes no time; what was trained by itself does.
                continue
            entry = self.build_ensemble(name)
            # Other members make another ensemble: its scores would say nothing about the first.
            if entry.status == "trained" and entry.members == first.members:
                self.add(entry)
        return left_out

    def method(self, name: str) -> Method:
        """Give a method, unfitted, with what this rerun changes."""
        return _changed(super().method(name), self.run, name, self.arguments)

    def measured(self, entry: Entry) -> Entry:
        """Let the predictor answer the validation rows; what that costs is known."""
        self.answering.keep(entry.name, self.validation_items, "validation")
        entry.cost = self.known[entry.name].cost
        return entry

    def answer(self, items: Sequence[Any]) -> None:
        """Let every candidate answer the test rows."""
        for entry in self.trained:
            self.answering.keep(entry.name, items, "test")

    def answers(self, name: str, split: str) -> StoredAnswers:
        """What a candidate answered to the rows of a split."""
        return self.run.answers(name, split)


@dataclass
class Reruns:
    """Makes the reruns of a comparison, and keeps the models it trained first from being replaced by a refit."""

    comparison: Comparison
    plan: Plan
    made: dict[str, Rerun] = field(default_factory=dict)

    @property
    def seconds(self) -> dict[str, float]:
        """What each candidate took to be trained on the training rows, cheapest first, ensembles left out."""
        spent = {
            one.name: one.train_seconds for one in self.first.trained if not catalogue.is_ensemble(one.name)
        }
        return dict(sorted(spent.items(), key=lambda pair: pair[1]))

    @property
    def seconds_in_all(self) -> float:
        """What all of them took, ensembles included."""
        return sum(one.train_seconds for one in self.first.trained)

    @property
    def fractions(self) -> dict[str, float]:
        """The part of the training rows that each candidate was trained on."""
        return {one.name: one.fraction for one in self.plan.candidates}

    def fits(self, seconds: float, *, closing: float) -> bool:
        """Whether a training of so many seconds fits into what is left when the end takes `closing` seconds."""
        return seconds * MARGIN + ANSWERING_SECONDS <= self.comparison.clock.left_seconds - closing

    @property
    def first(self) -> Rerun:
        """The comparison's own models, as they were before any refit."""
        return self.made[FIRST]

    def keep_first(self) -> None:
        """Keep the candidates as they are now; done before a refit, and once."""
        rerun = self._build(FIRST, self.comparison.train, {})
        for entry in self.comparison.trained:
            kept = rerun.run.entry(entry.name)
            if kept is None:
                _link(self.comparison.run, rerun.run, entry)
            rerun.entries.append(kept or entry_copy(entry))

    def with_seed(self, seed: int) -> Rerun:
        """Give the comparison with another seed; the rows are split as they were."""
        return self._build(f"seed-{seed}", self.comparison.train, {"random_state": seed})

    def with_rows(self, label: str, rows: Rows, seed: int) -> Rerun:
        """Give the comparison over some of the training rows."""
        return self._build(label, rows, {"random_state": seed})

    def answer(self, items: Sequence[Any]) -> None:
        """Let every rerun answer the test rows, after every choice; then its models are let go."""
        for number, rerun in enumerate(self.made.values()):
            progress = Progress("reruns: predicting the test rows", number, len(self.made), unit="reruns")
            self.comparison.listener(progress)
            rerun.answer(items)

    def close(self) -> None:
        """Remove the models of the reruns; their answers stay."""
        for rerun in self.made.values():
            for name in ("candidates", "checkpoints"):
                shutil.rmtree(rerun.run.path / name, ignore_errors=True)

    def _build(self, label: str, rows: Rows, arguments: dict[str, Any]) -> Rerun:
        if label in self.made:
            return self.made[label]
        first = self.comparison
        folder = RunFolder(first.run.path / FOLDER / label)
        for part in ("candidates", "answers"):
            (folder.path / part).mkdir(parents=True, exist_ok=True)
        self.made[label] = Rerun(
            folder, replace(first.builder, run=folder), rows, first.validation, first.clock,
            _named(label, first.listener),
            fitter=first.fitter,
            methods={name: _changed(method, folder, name, arguments) for name, method in self._methods()},
            known={entry.name: entry_copy(entry) for entry in first.trained},
            arguments=arguments,
            fractions=self.fractions,
        )  # fmt: skip
        return self.made[label]

    def _methods(self) -> Iterable[tuple[str, Method]]:
        trained = {entry.name for entry in self.comparison.trained}
        return [(name, method) for name, method in self.plan.methods.items() if name in trained]


def is_random(method: Method) -> bool:
    """Whether a method takes a seed at all; one that takes none learns the same every time."""
    return "random_state" in method.get_params(deep=False)


def entry_copy(entry: Entry) -> Entry:
    """Give an entry that a refit of the first will not change."""
    return Entry(**asdict(entry))


def _named(label: str, listener: Listener) -> Listener:
    """Pass on what takes long, under the rerun's own name: steps of the same name would be taken for one."""

    def pass_on(progress: Progress) -> None:
        if progress.total is not None and progress.unit == "rows":
            listener(replace(progress, what=f"{label}, {progress.what}"))

    return pass_on


def _changed(method: Method, folder: RunFolder, name: str, arguments: dict[str, Any]) -> Method:
    fresh: Method = clone(method)
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
