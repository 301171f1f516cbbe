"""How every ensemble is built: fitted once on validation answers, exported, measured, and exported again after a refit.

What an ensemble is made of and how it is fitted is its recipe. The fit is kept in the run beside what it was made of: a
run that is resumed after its members were refitted on the validation rows must not be fitted on them again.

An ensemble is added with one file and one row of `ENSEMBLES`: what is called with the name and gives a `Builder`, most
easily `Ensemble` with a recipe.
"""

import json
import pkgutil
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from metier.errors import UnknownNameError
from metier.fusion.candidates import Candidates
from metier.plug_ins import check_parts, load_plug_in, plug_ins
from metier.runs.run_folder import Entry
from metier.runs.stored_answers import StoredAnswers

FOLDER = "ensembles"
# A plug-in adds rows through this group of entry points. The answer kind states which rows suit it.
GROUP = "metier.ensembles"
ENSEMBLES = {
    "average.v1": "metier.fusion.average_recipes:average_of_labels",
    "stacked.v1": "metier.fusion.stacked:stack_of_labels",
    "cascade.v1": "metier.fusion.cascade:CascadeEnsemble",
    "vote.v1": "metier.fusion.vote:vote_ensemble",
    "retrieve_read.v1": "metier.fusion.retrieve_read:retrieve_read_ensemble",
    "retrieve_rerank.v1": "metier.fusion.search_ensemble:search_ensemble",
    "label_average.v1": "metier.fusion.average_recipes:average_of_sets",
    "score_average.v1": "metier.fusion.average_recipes:average_of_scores",
    "distilled.v1": "metier.selection.execution.distilling:Distilled",
}
# These ask their rows themselves; the others are made of the answers that their members gave.
ANSWER_THEMSELVES = frozenset({"retrieve_read.v1", "retrieve_rerank.v1", "distilled.v1"})
Fit = TypeVar("Fit")
Exported = TypeVar("Exported", contravariant=True)


@dataclass(frozen=True)
class Chosen(Generic[Fit]):
    """What an ensemble is to be.

    Parameters
    ----------
    members : sequence of str
        Names of candidates.
    fit : Fit or None
        What the recipe exports by; None where it came to no fit.
    why_dropped : str or None
        Why it is not built.
    facts : mapping
        What the report tells.
    answers : StoredAnswers or None
        To the validation rows by fits that did not see the row, so that the ensemble does not look better than it is
        beside its members; None: what it answers is measured like any candidate.
    out_of_fold : StoredAnswers or None
        The same for the training rows that all its members answered out of fold.
    """

    members: Sequence[str] = ()
    fit: Fit | None = None
    why_dropped: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    answers: StoredAnswers | None = None
    out_of_fold: StoredAnswers | None = None


class Recipe(Protocol[Fit]):
    """How one ensemble is fitted, built and exported."""

    def choose(self, candidates: Candidates, /) -> Chosen[Fit]:
        """Choose members by cost alone, and fit the ensemble on their validation answers."""
        ...

    def stored(self, fit: Fit, /) -> Mapping[str, Any]:
        """Give a fit as JSON holds it."""
        ...

    def restored(self, stored: Mapping[str, Any], /) -> Fit:
        """Read what `stored` gave."""
        ...

    def export(self, fit: Fit, folders: Sequence[Path], folder: Path, /, *, name: str) -> None:
        """Put the members' folders together into an empty folder that a predictor of this name answers from."""
        ...


class Export(Protocol[Exported]):
    """What puts the members' folders together."""

    def __call__(self, fit: Exported, folders: Sequence[Path], folder: Path, /, *, name: str) -> None:
        """Leave the files of a predictor of this name in an empty folder."""
        ...


@dataclass(frozen=True)
class FunctionRecipe(Generic[Fit]):
    """A recipe made of functions; see `Recipe` for what each does.

    Parameters
    ----------
    choose, restored, export : callable
    stored : callable
        For a fit that is not a dataclass, or not stored as one.
    """

    choose: Callable[[Candidates], Chosen[Fit]]
    restored: Callable[[Mapping[str, Any]], Fit]
    export: Export[Fit]
    stored: Callable[[Fit], Mapping[str, Any]] = asdict  # type: ignore[assignment]  # Every other fit is a dataclass.


class Builder(Protocol):
    """Makes one ensemble of a run's candidates; what a row of `ENSEMBLES` gives for a name."""

    @property
    def guarantee(self) -> str | None:
        """What is guaranteed of the ensemble, in a clause; None where nothing is."""
        ...

    def build(self, candidates: Any) -> Entry:
        """Give the entry of the ensemble: trained, or dropped with the reason."""
        ...

    def write(self, candidates: Any) -> None:
        """Export the ensemble from the members' folders as they are now."""
        ...

    def certificate_facts(self) -> dict[str, Any] | None:
        """What the report says of a certificate; None where there is none."""
        ...


@dataclass
class Ensemble(Generic[Fit]):
    """An ensemble of a run's candidates.

    Parameters
    ----------
    name : str
        Versioned name.
    recipe : Recipe
    """

    name: str
    recipe: Recipe[Fit]
    members: list[str] = field(default_factory=list)
    fit: Fit | None = None

    def build(self, candidates: Candidates) -> Entry:
        """Give the entry of the ensemble: trained, or dropped with the reason."""
        before = candidates.run.entry(self.name)
        stored = candidates.run.read_json(self._path)
        if before is not None and stored is not None:
            self.members = stored["members"]
            self.fit = None if stored["fit"] is None else self.recipe.restored(stored["fit"])
            return before
        chosen = self.recipe.choose(candidates)
        self.members, self.fit = list(chosen.members), chosen.fit
        self._keep(candidates)
        if chosen.why_dropped is not None:
            return Entry(self.name, status="dropped", why=chosen.why_dropped)
        start = time.perf_counter()
        self.write(candidates)
        entry = Entry(self.name, members=self.members, facts=dict(chosen.facts))
        entry.train_seconds = time.perf_counter() - start
        entry = candidates.measured(entry)
        if chosen.answers is not None:
            candidates.run.save_answers(self.name, "validation", chosen.answers)
        if chosen.out_of_fold is not None:
            candidates.keep_out_of_fold(self.name, chosen.out_of_fold)
        return entry

    def write(self, candidates: Candidates) -> None:
        """Export the ensemble from the members' folders as they are now."""
        assert self.fit is not None  # Only what was fitted is written.
        folders = [candidates.run.candidate(member) for member in self.members]
        self.recipe.export(self.fit, folders, fresh(candidates.run.candidate(self.name)), name=self.name)

    @property
    def guarantee(self) -> str | None:
        """What is guaranteed of the ensemble, in a clause; None where nothing is."""
        return None

    def certificate_facts(self) -> dict[str, Any] | None:
        """What the report says of a certificate; None where there is none."""
        return None

    @property
    def _path(self) -> Path:
        return Path(FOLDER) / f"{self.name}.json"

    def _keep(self, candidates: Candidates) -> None:
        (candidates.run.path / FOLDER).mkdir(exist_ok=True)
        fit = None if self.fit is None else self.recipe.stored(self.fit)
        facts = json.loads(json.dumps({"members": self.members, "fit": fit}, default=_plain))
        candidates.run.write_json(self._path, facts)


def ensembles() -> dict[str, str]:
    """Give the dotted path of every ensemble by its name: ours, then the plug-ins'."""
    added = {name: path for name, path in plug_ins(GROUP).items() if name not in ENSEMBLES}
    return {**ENSEMBLES, **added}


def ensemble_builder(name: str) -> Builder:
    """Give what makes an ensemble; raises `UnknownNameError` if no ensemble has that name."""
    return ensemble_factory(name)(name)


def check_builder(name: str, builder: Builder) -> None:
    """Raise `PlugInError` if what a plug-in's ensemble is built with lacks a part of `Builder`."""
    if name not in ENSEMBLES:
        check_parts(builder, GROUP, name, ("guarantee", "build", "write", "certificate_facts"))


def ensemble_factory(name: str) -> Callable[[str], Builder]:
    """Give what is called with the name of an ensemble; its docstring is the page of the ensemble.

    Raises
    ------
    UnknownNameError
        If no ensemble has that name.
    PlugInError
        If it is of a plug-in, and broken.
    """
    known = ensembles()
    if name not in known:
        raise UnknownNameError("ensemble", name, known=known)
    if name not in ENSEMBLES:
        return cast(Callable[[str], Builder], load_plug_in(GROUP, name, parts=("__call__",)))
    factory: Callable[[str], Builder] = pkgutil.resolve_name(ENSEMBLES[name])
    return factory


def fresh(folder: Path) -> Path:
    """Give a folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _plain(value: Any) -> Any:
    return value.item()  # Of numpy's numbers.
