"""Rows for a run: read, checked, filtered as asked, split; and the proof that a resumed run has the same ones."""

from dataclasses import dataclass
from typing import Any, Self

from metier import catalogue
from metier.audit import Audit, drop_leaks, examine
from metier.bases.adaptation import check_fits
from metier.bases.known_bases import resolve_base
from metier.data import Rows, Splits, drop_rare_labels, drop_unlabelled, read, read_alike, split_rows
from metier.data.task_inference import infer_task
from metier.errors import CallError, MissingExtraError
from metier.runs.run_folder import RunFolder
from metier.selection.report_facts import plain
from metier.selection.rows.augmenting import augment_splits, check_augmentation
from metier.selection.rows.unlabelled import drop_known, read_unlabelled
from metier.selection.settings import ROLES, TrainSettings
from metier.tasks.task import Task
from metier.tasks.task_table import known_task, load_task
from metier.text.language import detect_language

SAMPLED_TEXTS = 200  # To tell the language by.


@dataclass(frozen=True)
class Sources:
    """Where the rows come from: what was handed over, else what the settings name."""

    train: Any
    test: Any
    validation: Any

    @classmethod
    def choose(cls, train: Any, test: Any, validation: Any, settings: TrainSettings) -> Self:
        """Let what was handed over overrule the settings; raises `CallError` without training rows."""
        data = settings.data
        train = data.train if train is None else train
        if train is None:
            raise CallError(
                "There are no rows to train on. Give a file: metier train FILE, or data.train in the settings."
            )
        return cls(
            train, data.test if test is None else test, data.validation if validation is None else validation
        )


@dataclass(frozen=True)
class Prepared:
    """Rows that are ready to be trained on.

    Parameters
    ----------
    splits : Splits
    audit : Audit
        What is wrong with the rows as they are trained on.
    said : list of str
        What was left out, one sentence each.
    unlabelled : tuple of str
        Texts without labels that methods may learn from.
    """

    splits: Splits
    audit: Audit
    said: list[str]
    unlabelled: tuple[str, ...] = ()


def read_all(sources: Sources, settings: TrainSettings) -> tuple[Rows, Rows | None, Rows | None]:
    """Read training, test and validation rows; the last two take the roles that the first have."""
    data = settings.data
    how: dict[str, Any] = {"encoding": data.encoding, "delimiter": data.delimiter, "repair": data.repair}
    asked: dict[str, Any] = {role: getattr(data, role) for role in ROLES}
    train = (
        sources.train
        if isinstance(sources.train, Rows)
        else read(sources.train, separator=data.separator, **asked, **how)
    )
    others = [
        rows if rows is None or isinstance(rows, Rows) else read_alike(rows, train, **how)
        for rows in (sources.test, sources.validation)
    ]
    return train, others[0], others[1]


def choose_task(train: Rows, settings: TrainSettings) -> tuple[str, str | None]:
    """Give the task's name, and the sentence that says how it was told; None where the settings name it."""
    if settings.task is None and settings.order is not None:
        return "grading", "task = grading, for an order is given (--task)"
    if settings.task is not None:
        known_task(settings.task)
        return settings.task, None
    return infer_task(train)


def build_task(name: str, train: Rows, settings: TrainSettings) -> Task:
    """Learn a task from the training rows; raises a `DataError` for rows that say no."""
    stated = {} if settings.order is None else {"order": settings.order}
    if stated and not getattr(load_task(name), "is_ordered", False):
        raise CallError(f"--order is for grades; the task is {name}. Leave it out, or add --task grading.")
    task: Task = load_task(name).from_rows(train, **stated)
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
    named, searching = settings.data.collection, getattr(task, "with_rows", None)
    if named is not None and getattr(task, "collection", None) is None:
        raise CallError(
            f"data.collection is for a search among passages; the task is {task.name}. Leave it out, or add "
            "--task retrieval and name the passages with --role text_pair=COLUMN."
        )
    if searching is None:
        return task
    found: Task = searching(splits.validation, splits.test)
    return found if named is None else found.searching(read(named, label="none").texts)  # type: ignore[attr-defined]


def check_before_any_work(train: Rows, settings: TrainSettings) -> None:
    """Raise what can be known without a run folder: names nobody knows, labels that cannot be told apart."""
    for name in settings.candidates or ():
        catalogue.full_name(name)
    labelled = drop_unlabelled(train)[0] if settings.data.drop_unlabelled else train
    task = choose_task(train, settings)[0]
    build_task(task, labelled, settings)
    check_adaptation(train, task, settings)
    check_augmentation(train, settings)
    read_unlabelled(train, task, settings)


def check_adaptation(train: Rows, task: str, settings: TrainSettings) -> None:
    """Raise where the base has no room for what is to be adapted; bases that write say so themselves."""
    if settings.adaptation is None or task == "generation" or train.roles.text is None:
        return
    try:
        base = resolve_base(
            settings.base, language=detect_language(list(train.texts)[:SAMPLED_TEXTS]).main_language
        )
    except MissingExtraError:  # Without bases no method that takes an adaptation races.
        return
    check_fits(settings.adaptation, base)


def prepare(train: Rows, test: Rows | None, validation: Rows | None, settings: TrainSettings) -> Prepared:
    """Leave out what the user said, look for faults, split, and add what is made of the training rows."""
    data, said = settings.data, []
    if data.drop_unlabelled:
        train, dropped = drop_unlabelled(train)
        said += [f"--drop-unlabelled left out {dropped:,} rows without a label"] if dropped else []
    if data.drop_leaks:
        before = len(train)
        train, _ = drop_leaks(train, test)
        said += [f"--drop-leaks left out {before - len(train):,} training rows that also stand in test"]
    if data.drop_rare:
        train, rare = drop_rare_labels(train)
        said += [f"--drop-rare left out the labels {', '.join(rare)}"] if rare else []
    audit = examine(train, test=test, validation=validation)
    splits = split_rows(
        train,
        test=test,
        validation=validation,
        validation_fraction=data.validation_fraction,
        test_fraction=data.test_fraction,
        random_state=settings.random_state,
        keep_rare=data.keep_rare,
    )
    unlabelled, brought = drop_known(read_unlabelled(train, choose_task(train, settings)[0], settings), splits)
    splits, made = augment_splits(splits, settings)
    return Prepared(splits, audit, [*said, *brought, *made], unlabelled)


def check_same_rows(run: RunFolder, prepared: Prepared) -> None:
    """Keep the fingerprints of a new run; refuse to resume one whose rows changed."""
    splits = prepared.splits
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    fingerprints = {name: rows.fingerprint for name, rows in parts.items()}
    facts = {
        "fingerprints": fingerprints,
        "roles": vars(splits.train.roles),
        "rows": {name: len(rows) for name, rows in parts.items()},
        "notes": [*splits.train.notes, *prepared.said, *splits.notes],
        "audit": prepared.audit.as_dict(),
    }
    before = run.read_json("data.json")
    if before is None:
        run.write_json("data.json", plain(facts))
    elif before["fingerprints"] != fingerprints:
        changed = [name for name, value in fingerprints.items() if before["fingerprints"][name] != value]
        raise CallError(
            f"{run.path} was begun with other rows: {', '.join(changed)} changed since. "
            "Put the old files back to resume it, or begin a new run without --resume."
        )
