"""The rows of a compression: split as the bundle's run split them, so that what it never learned from judges."""

from dataclasses import dataclass, replace
from typing import Any

from metier.audit import drop_leaks
from metier.bundles import Bundle
from metier.compression.materials import LabelledItems
from metier.data import Rows, read, split_rows
from metier.data.columns.role_inference import NONE
from metier.data.rows import TARGET_ROLES
from metier.data.splitting import groups_of
from metier.errors import CallError, CompressionError
from metier.figures import count_of
from metier.progress import Listener
from metier.selection.labelled_rows import LabelledRows, labelled_rows
from metier.selection.scores import Scores, sources_of
from metier.tasks.task import Task
from metier.text import has_words
from metier.text.duplicates import text_keys


@dataclass(frozen=True)
class CompressionRows:
    """Rows to learn from, to choose on, to judge on, and to read once at the end.

    Parameters
    ----------
    train, choosing, validation : Rows
    test : LabelledRows, optional
    task : Task
    scores : Scores
        What answers to the validation rows are compared with.
    notes : tuple of str
    unlabelled : tuple of str
    """

    train: Rows
    choosing: Rows
    validation: Rows
    test: LabelledRows | None
    task: Task
    scores: Scores
    notes: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    def items(self, rows: Rows) -> LabelledItems:
        """Give rows as questions and targets."""
        return LabelledItems(list(self.task.items(rows)), list(self.task.targets(rows)))

    @property
    def fingerprints(self) -> dict[str, str]:
        """What tells these rows from others."""
        parts = {"train": self.train, "choosing": self.choosing, "validation": self.validation}
        return {name: rows.fingerprint for name, rows in parts.items()}


def read_rows(
    bundle: Bundle,
    data: Any,
    *,
    validation: Any = None,
    test: Any = None,
    unlabelled: Any = None,
    listener: Listener,
    **how: Any,
) -> CompressionRows:
    """Read and split rows for a bundle.

    Without validation rows they are held out of the training rows with the seed of the bundle's run, which gives the same
    ones where the training rows are the same.

    Raises
    ------
    DataError
        If rows cannot be asked or measured.
    CompressionError
        If they have labels that the bundle does not know.
    """
    given = _known(labelled_rows(bundle, data, listener=listener, **how))
    held, tested = (
        None if one is None else _known(labelled_rows(bundle, one, listener=listener, **how))
        for one in (validation, test)
    )
    rows, notes = given.rows, [*given.rows.notes, *given.notes]
    if tested is not None:
        rows, dropped = _without_leaks(rows, tested.rows)
        notes += [f"left out {count_of(dropped, 'training row')} that also appear in test"] if dropped else []
    seed = bundle.manifest.seeds.get("random_state", 0)
    options: dict[str, Any] = {"random_state": seed, "keep_rare": True}
    parts = split_rows(
        rows,
        test=None if tested is None else tested.rows,
        validation=None if held is None else held.rows,
        **options,
    )
    inner = split_rows(parts.train, test=parts.validation, **options)
    is_same = parts.train.fingerprint == bundle.manifest.data.fingerprint
    if tested is None and is_same:
        scores = Scores(
            given.task,
            given.task.targets(parts.test),
            origin=parts.test.origin,
            sources=sources_of(given.task, parts.test),
        )
        tested = replace(given, rows=parts.test, scores=scores)
    notes += _seen(bundle, is_same=is_same, is_given=held is not None)
    scores = Scores(
        given.task,
        given.task.targets(parts.validation),
        origin=parts.validation.origin,
        groups=groups_of(parts.validation),
        sources=sources_of(given.task, parts.validation),
    )
    texts = _unlabelled(bundle, unlabelled, rows)
    return CompressionRows(
        inner.train, inner.validation, parts.validation, tested, given.task, scores, tuple(notes), texts
    )


def _known(rows: LabelledRows) -> LabelledRows:
    if rows.has_unknown_labels:
        raise CompressionError(
            f"{'; '.join(rows.notes)}. A smaller model answers with the labels of the bundle: give rows with these, or "
            "train anew with metier train."
        )
    return rows


def _without_leaks(train: Rows, test: Rows) -> tuple[Rows, int]:
    kept, _ = drop_leaks(train, test)
    return kept, len(train) - len(kept)


def _seen(bundle: Bundle, *, is_same: bool, is_given: bool) -> list[str]:
    """Say where the bundle may have learned from the validation rows, on which it then looks better than it is."""
    learned = bundle.manifest.data.trained_on
    if is_given and learned == "train":
        return []
    if is_same and learned == "train":
        return []
    why = (
        f"it was trained on {learned}" if learned != "train" else "its own training rows were others than these"
    )
    return [
        f"the bundle may have learned from the validation rows ({why}), so it looks better on them than it is and smaller "
        "ones look worse: give rows that it has not seen with --validation, or train with --no-refit"
    ]


def _unlabelled(bundle: Bundle, source: Any, known: Rows) -> tuple[str, ...]:
    """Read texts without labels that are not among the labelled rows."""
    if source is None:
        return ()
    if bundle.input_keys != ("text",):
        raise CallError(
            f"Rows without labels are texts, and this bundle is asked {bundle.input_kind.noun}. Leave out --unlabelled."
        )
    column = bundle.manifest.data.roles.get("text")
    how: dict[str, Any] = dict.fromkeys(TARGET_ROLES, NONE)
    rows = (
        read(source, **how) if column is None or isinstance(source, list) else read(source, text=column, **how)
    )
    texts = tuple(dict.fromkeys(text for text in rows.texts if has_words(text)))
    taken = set(text_keys(known.texts).tolist())
    return tuple(text for text, key in zip(texts, text_keys(texts).tolist(), strict=True) if key not in taken)


def digest_parts(rows: CompressionRows) -> list[str]:
    """Give what a digest of the rows is made of."""
    return [*rows.fingerprints.values(), *rows.unlabelled]
