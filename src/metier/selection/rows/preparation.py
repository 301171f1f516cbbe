"""Rows for a run: read, checked, filtered as asked, split; and the proof that a resumed run has the same ones."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

from metier.audit import Audit, drop_leaks, examine
from metier.data import Rows, Splits, drop_rare_labels, drop_unlabelled, read, read_alike, split_rows
from metier.errors import CallError, EmptyDataError
from metier.figures import count_of
from metier.runs.run_folder import RunFolder, plain
from metier.selection.rows.augmenting import AugmentationBase, augment_splits
from metier.selection.rows.balancing import balance_splits
from metier.selection.rows.unlabelled import read_unlabelled
from metier.selection.settings import ROLES, TrainSettings
from metier.tasks.task import Task
from metier.text import LanguageMix


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
    notes : list of str
        What was left out or added, one sentence each.
    unlabelled : tuple
        Items without targets that methods may learn from.
    """

    splits: Splits
    audit: Audit
    notes: list[str]
    unlabelled: tuple[Any, ...] = ()


def read_all(sources: Sources, settings: TrainSettings) -> tuple[Rows, Rows | None, Rows | None]:
    """Read training, test and validation rows; the last two take the roles that the first have."""
    data = settings.data
    how: dict[str, Any] = data.model_dump(include={"encoding", "delimiter", "header", "label_names", "repair"})
    asked: dict[str, Any] = data.model_dump(include=set(ROLES))
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


class Decided(Protocol):
    """What is decided of a run before its rows are prepared."""

    @property
    def languages(self) -> LanguageMix:
        """Of the training rows."""
        ...

    @property
    def base(self) -> str:
        """Name of the base that methods stand on."""
        ...

    @property
    def task(self) -> Task:
        """What is to be predicted."""
        ...


def prepare(rows: tuple[Rows, Rows | None, Rows | None], settings: TrainSettings, decided: Decided) -> Prepared:
    """Leave out what the settings ask to, look for faults, split, and add what is made of the training rows.

    Parameters
    ----------
    rows : tuple of Rows
        Training, test and validation rows; None where they are to be held out.
    decided : Decided
        The language of unlabelled rows has to be that of these; some ways of augmentation need the base.
    """
    data, notes = settings.data, []
    train, test, validation = rows
    if data.drop_unlabelled:
        train, dropped = drop_unlabelled(train)
        notes += [f"--drop-unlabelled left out {count_of(dropped, 'row')} without a label"] if dropped else []
        test, validation = _labelled(test, notes), _labelled(validation, notes)
    if data.drop_leaks:
        before = len(train)
        train, _ = drop_leaks(train, test)
        dropped = before - len(train)
        rows_appear = "row that also appears" if dropped == 1 else "rows that also appear"
        notes += [f"--drop-leaks left out {dropped:,} training {rows_appear} in test"]
    if data.drop_rare:
        train, rare = drop_rare_labels(train)
        notes += [f"--drop-rare left out the labels {', '.join(rare)}"] if rare else []
    if not len(train):
        raise EmptyDataError(
            f"No training row of {rows[0].origin} is left after what was left out: {'; '.join(notes)}. "
            "Give other rows, or take the --drop flags away."
        )
    audit = examine(train, test=test, validation=validation, languages=decided.languages)
    splits = split_rows(
        train,
        test=test,
        validation=validation,
        validation_fraction=data.validation_fraction,
        test_fraction=data.test_fraction,
        random_state=settings.random_state,
        keep_rare=data.keep_rare,
    )
    unlabelled, brought = read_unlabelled(
        train, splits, settings, task=decided.task, language=decided.languages.main_language
    )
    splits, balanced = balance_splits(splits, settings)
    splits, made = augment_splits(
        splits, AugmentationBase(decided.base, decided.languages.main_language), settings
    )
    return Prepared(splits, audit, [*notes, *brought, *balanced, *made], unlabelled)


def _labelled(rows: Rows | None, notes: list[str]) -> Rows | None:
    """Leave the unlabelled rows out of a part that was given."""
    if rows is None:
        return None
    kept, dropped = drop_unlabelled(rows)
    notes += [f"--drop-unlabelled left out {count_of(dropped, 'row')} of {rows.origin}"] if dropped else []
    return kept


def check_same_rows(run: RunFolder, prepared: Prepared) -> None:
    """Keep the fingerprints of a new run; refuse to resume one whose training or validation rows changed.

    Nothing was chosen by the test rows, so a run that they stopped goes on with those that were fixed.
    """
    splits = prepared.splits
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    fingerprints = {name: rows.fingerprint for name, rows in parts.items()}
    facts = {
        "fingerprints": fingerprints,
        "origins": {name: rows.origin for name, rows in parts.items()},
        "roles": asdict(splits.train.roles),
        "rows": {name: len(rows) for name, rows in parts.items()},
        "notes": [*splits.train.notes, *prepared.notes, *splits.notes],
        "audit": prepared.audit.as_dict(),
    }
    before = run.read_json("data.json")
    stored = fingerprints if before is None else before["fingerprints"]
    changed = [name for name, value in fingerprints.items() if stored[name] != value]
    fixed = changed == ["test"] and not run.report_path.exists()
    if fixed:
        run.log(
            f"the test rows changed since the run was started: {count_of(len(splits.test), 'row')} of {splits.test.origin}"
        )
    if before is None or fixed:
        run.write_json("data.json", plain(facts))
    elif changed:
        raise CallError(
            f"{run.path} was started with other rows: {', '.join(changed)} changed since. "
            "Restore the old files to resume it, or start a new run without --resume."
        )
