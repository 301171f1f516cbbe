"""The rows that a bundle was trained on and the test rows that it has not seen: from its run, or as given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.bundles import Bundle
from metier.compression.rows import read_rows
from metier.continual.update.update_rows import LabelledTexts, labelled_texts, read_labelled
from metier.data import Rows
from metier.errors import CallError
from metier.progress import Listener
from metier.runs.run_folder import SETTINGS_FILE
from metier.selection.settings import load_settings, with_files_named_here

NOBODY = LabelledTexts((), (), ())


@dataclass(frozen=True)
class OldRows:
    """What was known before.

    Parameters
    ----------
    train, validation : LabelledTexts
        Rows that were learned, and those that candidates were chosen on; empty where they are not given.
    test : LabelledTexts
        Rows that the bundle has not seen.
    notes : tuple of str
    """

    train: LabelledTexts
    validation: LabelledTexts
    test: LabelledTexts
    notes: tuple[str, ...] = ()


def read_old_rows(
    bundle: Bundle, *, old: Any, test: Any, subject: str | None, listener: Listener, **how: Any
) -> OldRows:
    """Read them.

    Parameters
    ----------
    old : path or rows or None
        The rows that it was trained on; None: those that the settings of its run name, if it lies in a run.
    test : path or rows or None
        None: those of the run; where it had none, held out of `old` as the run held them out.

    Raises
    ------
    CallError
        If no test rows are to be had.
    """
    stated = files_of_run(bundle)
    if old is None and stated is not None:
        old, test = stated[0], stated[1] if test is None else test
    if old is None:
        if test is None:
            raise no_test_rows(bundle)
        tested = read_labelled(bundle, test, **how)
        return OldRows(NOBODY, NOBODY, _labelled(tested, subject))
    found = read_rows(bundle, old, test=test, listener=listener, **how)
    if found.test is None:
        raise no_test_rows(bundle)
    train = LabelledTexts.joined(_labelled(found.train, subject), _labelled(found.choosing, subject))
    notes = tuple(one for one in found.notes if "may have" not in one)  # It is measured on test rows alone.
    return OldRows(train, _labelled(found.validation, subject), _labelled(found.test.rows, subject), notes)


def _labelled(rows: Rows, subject: str | None) -> LabelledTexts:
    named = subject if subject in rows.table.column_names else None
    found = labelled_texts(rows, subject=named)
    return found.take(place for place, label in enumerate(found.labels) if label)


def files_of_run(bundle: Bundle) -> tuple[str, str | None] | None:
    """Give the training and the test file of the run that a bundle lies in; None: they are not known or not there."""
    path = bundle.folder.parent.parent / SETTINGS_FILE
    if not path.is_file():
        return None
    data = with_files_named_here(load_settings(path)).data
    if data.train is None or not Path(data.train).exists():
        return None
    return data.train, data.test


def no_test_rows(bundle: Bundle) -> CallError:
    """Give the error of rows that are missing to measure what is forgotten."""
    return CallError(
        f"What {bundle.folder} forgets can only be measured on rows that it has not learned, and none are known. Give "
        "labelled test rows with --test, and what it learned with --old."
    )
