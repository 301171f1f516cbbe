"""What is decided once a run, before any work, and passed on as one value: task, language, base, candidates.

A fault in any of them is found here, before a folder is made and before a second of the budget is spent.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from metier import catalogue
from metier.audit.columns import ID_DISTINCT_FRACTION, id_labels
from metier.bases.known_bases import suits
from metier.bases.precision import training_precision
from metier.data import Rows, Splits, drop_unlabelled, read
from metier.errors import (
    CallError,
    IdLabelError,
    MissingExtraError,
    SettingsError,
    UnknownNameError,
    suggest,
)
from metier.selection.base_decisions import (
    base_for_reading,
    base_notes,
    check_base,
    compared_bases,
    notes_of,
)
from metier.selection.rows.knowledge import check_knowledge
from metier.selection.rows.unlabelled import check_unlabelled, with_unlabelled
from metier.selection.settings import TrainSettings, arguments_of
from metier.tasks.inputs import AUDIO
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import Declares
from metier.tasks.task import Task
from metier.tasks.task_check import check_task
from metier.tasks.task_table import (
    ORDERED,
    TASKS,
    alias_note,
    infer_task,
    known_task,
    load_task,
    task_name,
    tasks,
)
from metier.text.language import LanguageMix, detect_language

# Tasks whose methods all take texts and give labels.
LABELLED_TEXTS = ("classification", ORDERED)


@dataclass(frozen=True)
class RunDecisions:
    """What a run is about.

    Parameters
    ----------
    task : Task
        What is to be predicted, its label space learned from the training rows.
    task_note : str or None
        How the task was inferred; None where the settings name it.
    languages : LanguageMix
        Of the training rows; `language` is that of most: en, zh or other.
    base : str
        Name of the base that methods which read stand on; `auto` where none of them runs.
    precision : str
        In which the weights are trained here: fp32 or bf16.
    candidates, ensembles : tuple of str
        Versioned names in the order of the catalogue, which is that of their cost.
    searched : str or None
        The method whose settings a search chooses; None: nothing is searched.
    base_notes : tuple of str
        Which rows a base does not read.
    compared : dict of str to tuple of str
        The bases that are to be compared, by what methods do with them: reads or sees.
    bases : dict of str to str
        The ones that were taken of those.
    """

    task: Task
    task_note: str | None
    languages: LanguageMix
    base: str
    precision: str
    candidates: tuple[str, ...]
    ensembles: tuple[str, ...]
    searched: str | None = None
    base_notes: tuple[str, ...] = ()
    compared: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What is to be said of the decisions before any work."""
        facts = self.task.facts()
        kind = [f"kind = {facts['kind']}: {facts['why']} (--kind)"] if self.task.kind else []
        return [*([] if self.task_note is None else [self.task_note]), *kind, *self.base_notes]

    @property
    def language(self) -> str:
        """The language of most training rows; `audio` where they are recordings, `none` where they are images."""
        if self.task.input.has_texts or self.task.collection is not None:
            return self.languages.main_language
        return "audio" if self.task.input is AUDIO else "none"

    def bases_that_learn(self, settings: TrainSettings) -> dict[str, tuple[str, ...]]:
        """The bases that candidates may train, by what methods do with them."""
        writing = settings.base_that("writes")
        return {
            "reads": self.compared.get("reads", (self.base,)),
            "writes": (writing if suits(writing, "writes") else "auto",),
        }

    def standing_on(self, does: str, base: str, notes: Sequence[str]) -> Self:
        """Give the same decisions with a base that was taken of several, and what is to be said of it."""
        said = (*self.base_notes, *notes, *notes_of(does, base, self.languages))
        taken = replace(self, bases={**self.bases, does: base}, base_notes=said)
        return replace(taken, base=base) if does == "reads" else taken

    def learned_from(self, splits: Splits, settings: TrainSettings) -> Self:
        """Give the same decisions with the task as the training rows of a split show it."""
        task = build_task(self.task.name, splits.train, settings)
        return replace(self, task=with_collection(task, splits, settings))


def decide(train: Rows, settings: TrainSettings) -> RunDecisions:
    """Decide what a run is about; raises a `MetierError` for whatever the rows or the settings rule out.

    Parameters
    ----------
    train : Rows
        As they were read: nothing is split yet.
    """
    _check_labels_repeat(train, settings)
    name, note = choose_task(train, settings)
    task = build_task(name, drop_unlabelled(train)[0] if settings.data.drop_unlabelled else train, settings)
    languages = detect_language(_texts_of(train))
    searched = searchable_method(task) if settings.search else None
    names = candidate_names(task, settings)
    candidates = tuple(one for one in names if not catalogue.is_ensemble(one))
    if not candidates:
        raise CallError(
            f"{', '.join(names)} are ensembles of other candidates, but none is named. Add some to --candidates."
        )
    _check_methods(candidates, searched, settings)
    stated = _stated(candidates, searched)
    check_base(stated, settings)
    compared = compared_bases(stated, settings)
    base = base_for_reading(list(stated.values()), languages.main_language, settings, compared.get("reads", ()))
    check_unlabelled(names, task.name, settings)
    check_knowledge(names, task.name, settings)
    precision = training_precision() if importlib.util.find_spec("torch") else "fp32"
    ensembles = tuple(one for one in names if catalogue.is_ensemble(one))
    _stated(ensembles, None)  # A plug-in's that is broken is refused before any work.
    return RunDecisions(
        task,
        note,
        languages,
        base,
        precision,
        candidates,
        ensembles,
        searched,
        base_notes(list(stated.values()), base, languages, settings, compared),
        compared,
    )


def _texts_of(rows: Rows) -> Sequence[str]:
    """Give the texts of rows; of images with texts beside them, those that an image finds."""
    if rows.has_texts:
        return rows.texts
    return [] if rows.roles.text_pair is None else [text or "" for text in rows.column("text_pair")]


def _check_labels_repeat(train: Rows, settings: TrainSettings) -> None:
    """Refuse labels of which nearly each is on one row only, unless such rows are to be kept in training."""
    sentence = None if settings.data.keep_rare else id_labels(train, more_than=ID_DISTINCT_FRACTION)
    if sentence is not None:
        raise IdLabelError(f"{train.origin}: {sentence}. Name the column of the labels with --label.")


def choose_task(train: Rows, settings: TrainSettings) -> tuple[str, str | None]:
    """Give the task's name, and the sentence that says how it was inferred; None where the settings name it."""
    if settings.task is None and settings.order is not None:
        return ORDERED, f"task = {ORDERED}, because an order is given (--task)"
    if settings.task is not None:
        known_task(settings.task)
        return task_name(settings.task), alias_note(settings.task)
    return infer_task(train)


def build_task(name: str, train: Rows, settings: TrainSettings) -> Task:
    """Learn a task from the training rows; raises a `DataError` for rows that do not suit it."""
    kinds = load_task(name).kinds
    if settings.order is not None and not load_task(name).is_ordered:
        raise CallError(
            f"--order is for ordinal labels; the task is {name}. Leave it out, or add --task {ORDERED}."
        )
    if settings.kind is not None and settings.kind not in kinds:
        raise CallError(
            f"The task {name} has no kind {settings.kind!r}. Leave --kind out, or give one of: {', '.join(kinds)}."
            if kinds
            else f"--kind is for texts that are written; the task is {name}. Leave it out, or name the column of the "
            "texts with --role target=COLUMN."
        )
    given = {"order": settings.order, "kind": settings.kind}
    stated = {name: value for name, value in given.items() if value is not None}
    task: Task = load_task(name).from_rows(train, **stated)
    check_task(task)
    return task


def with_collection(task: Task, splits: Splits, settings: TrainSettings) -> Task:
    """Give a task of searching all that is to be searched; any other task comes back as it is.

    The passages of validation and test rows are searched from the beginning: what a query finds among all answers
    is the question, and which of them answers it stays unknown until it is measured.

    Raises
    ------
    CallError
        If a collection is named and nothing is searched, or the rows search one another.
    """
    named = settings.data.collection
    if named is not None and task.collection is None:
        raise CallError(
            f"data.collection is for the task retrieval; the task is {task.name}. Leave it out, or add "
            "--task retrieval and name the passages with --role text_pair=COLUMN."
        )
    found = task.with_rows(splits.validation, splits.test)
    if named is None:
        return found
    further = read(named, label="none")
    return found.with_rows(further) if further.has_images else found.searching(further.texts)


def candidate_names(task: Task, settings: TrainSettings) -> list[str]:
    """Give the versioned names of candidates and ensembles, in the order of the catalogue.

    Raises
    ------
    UnknownNameError
        If a candidate's name is not in the catalogue.
    CallError
        If a candidate is a method of another task.
    """
    row = known_task(task.name)
    # Some tasks know better which of their methods suit the rows: no lead sentence is a translation.
    wanted = settings.candidates or (*(task.candidates or row.candidates_on(task.input.name)), *row.ensembles)
    names = [_known_name(name, task.name) for name in wanted]
    for name in names:
        _check_suits(name, task.name)
    names += [catalogue.SEARCH] if settings.search else []
    names += [catalogue.DISTILLATION] if settings.distil else []
    if settings.data.unlabelled is not None:
        names = with_unlabelled(names, row.learn_from_unlabelled, is_open=settings.candidates is None)
    if settings.data.knowledge is not None:
        names = with_unlabelled(names, row.with_knowledge, is_open=settings.candidates is None)
    order = {name: place for place, name in enumerate(catalogue.names())}
    return sorted(set(names), key=lambda name: order[name])


def _known_name(name: str, task: str) -> str:
    """Give the versioned name of a method; a mistyped one gets the nearest of the task."""
    try:
        return catalogue.full_name(name)
    except UnknownNameError:
        row = known_task(task)
        own = (*row.methods, *row.learn_from_unlabelled, *row.with_knowledge, *row.ensembles)
        known = [one for one in catalogue.names() if one in own or task in _tasks_of(one)]
        raise UnknownNameError("method", name, known=known, listed_by=f"metier methods --task {task}") from None


def suits_task(name: str, task: str) -> bool | None:
    """Whether a method is of a task; None where neither a task's row nor the method says of which it is."""
    if catalogue.is_ensemble(name):
        return name in (*tasks()[task].ensembles, *tasks()[task].further_ensembles)
    homes = _tasks_of(name)
    alike = LABELLED_TEXTS if task in LABELLED_TEXTS else (task,)
    return not set(homes).isdisjoint(alike) if homes else None


def _check_suits(name: str, task: str) -> None:
    """Refuse a method that is known to be of other tasks."""
    if catalogue.is_ensemble(name) or task not in TASKS or suits_task(name, task) is not False:
        return  # A plug-in's method or task is not known well enough.
    own, homes = tasks()[task].methods, _tasks_of(name)
    raise CallError(
        f"{name} is a method of {' and '.join(homes)}, and the task is {task}.{suggest(name, own)} Its methods: "
        f"{', '.join(own)}. Name some of these with --candidates, or another task with --task."
    )


def _tasks_of(name: str) -> list[str]:
    """Give the tasks of a method: whose rows name it or what it must beat, or which it states; none where unknown."""
    homes = [
        one
        for one, row in tasks().items()
        if name in (*row.methods, *row.learn_from_unlabelled, *row.with_knowledge)
    ]
    if catalogue.is_ensemble(name):
        return homes
    try:
        stated = catalogue.stated(name)
    except MissingExtraError:  # The plan drops it with that reason.
        return homes
    if homes or stated.baseline is None:
        return list(dict.fromkeys([*homes, *stated.tasks]))
    return [one for one, row in tasks().items() if stated.baseline in row.methods]


def searchable_method(task: Task) -> str:
    """Give the most expensive method of a task that is fine-tuned: the one whose settings matter most."""
    for name in reversed(known_task(task.name).candidates_on(task.input.name)):
        if catalogue.capabilities(name).is_fine_tuned:
            return name
    raise SettingsError(
        [f"search is on, but no method of the task {task.name} is fine-tuned; leave --search out"],
        origin="The settings",
    )


def _stated(candidates: Sequence[str], searched: str | None) -> dict[str, Capabilities]:
    """What each candidate states about itself, a search what its method does; what is not installed is left out."""
    stated = {}
    for name in candidates:
        try:
            stated[name] = catalogue.capabilities(searched if searched and name == catalogue.SEARCH else name)
        except MissingExtraError:  # The plan drops it with that reason.
            continue
    return stated


def _check_methods(candidates: Sequence[str], searched: str | None, settings: TrainSettings) -> None:
    """Refuse what a candidate cannot work with: its own settings, and over them those of the whole run."""
    faults = []
    for name in dict.fromkeys((*candidates, *filter(None, (searched,)))):
        try:
            method = catalogue.resolve(name)
        except MissingExtraError:  # The plan drops it with that reason.
            continue
        if not isinstance(method, Declares):
            continue
        whole = settings.adaptation if catalogue.capabilities(name).takes_adaptation else None
        given = ({} if whole is None else {"adaptation": whole}) | arguments_of(settings, name)
        faults += [f"{name}: {fault}" for fault in method.Settings.faults(given)]
    if faults:
        raise SettingsError(faults, origin="The settings")
