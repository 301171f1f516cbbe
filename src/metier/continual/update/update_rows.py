"""The rows of an update: read by the columns of the bundle, and everything that cannot be learned counted and said."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metier.bundles import Bundle
from metier.data import Rows, read
from metier.data.columns.role_inference import NONE
from metier.data.trained_columns import with_columns
from metier.errors import (
    DataError,
    EmptyDataError,
    LeakageError,
    MissingColumnError,
    UnknownLabelError,
    quoted,
    suggest,
)
from metier.figures import count_of
from metier.text import has_words
from metier.text.duplicates import text_keys
from metier.text.normalisation import level

MOST_NAMED = 5
# What is said of rows that are left out, by why.
LEFT_OUT = {
    "without_text": "left out {rows} without text (row {first})",
    "without_label": "left out {rows} without a label (row {first})",
    "in_test": "left out {rows} of test (row {first})",
    "conflicting": "left out {rows} with another label for the same text (row {first})",
    "repeated": "left out {rows} said before in the file (row {first})",
    "already_known": "left out {rows} learned before (row {first})",
}
# The same in short, where nothing is left.
WHY_NONE = {
    "without_text": "{n} without text",
    "without_label": "{n} without a label",
    "in_test": "{n} of test",
    "conflicting": "{n} with two labels",
    "repeated": "{n} repeated",
    "already_known": "{n} learned before",
}
CORRECTED = "corrected the label of {rows} learned before"


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with one label each.

    Parameters
    ----------
    texts, labels : tuple of str
    subjects : tuple of (str or None)
        Whom each is about.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    subjects: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Iterable[int]) -> "LabelledTexts":
        """Some of them, in this order."""
        places = [int(one) for one in rows]
        return LabelledTexts(*(tuple(part[one] for one in places) for part in self._parts))

    @property
    def _parts(self) -> tuple[tuple[Any, ...], ...]:
        return self.texts, self.labels, self.subjects

    @property
    def keys(self) -> np.ndarray:
        """A number a text, the same where two are equal after normalisation."""
        return text_keys(self.texts)

    def named(self, names: Mapping[str, str | None]) -> "LabelledTexts":
        """Change the names of labels; rows of a label that maps to None are left out."""
        kept = [number for number, label in enumerate(self.labels) if names.get(label, label) is not None]
        found = self.take(kept)
        return replace(found, labels=tuple(str(names.get(label, label)) for label in found.labels))

    @classmethod
    def joined(cls, *parts: "LabelledTexts") -> "LabelledTexts":
        """Put several after one another."""
        return cls(*(sum(columns, ()) for columns in zip(*(part._parts for part in parts), strict=True)))


@dataclass(frozen=True)
class UpdateRows:
    """What an update file holds that can be learned.

    Parameters
    ----------
    rows : LabelledTexts
    new_labels : tuple of str
        Labels that the bundle does not have, in alphabetical order.
    left_out : dict of str to int
        Rows that are not learned, by why.
    notes : tuple of str
    """

    rows: LabelledTexts
    new_labels: tuple[str, ...]
    left_out: dict[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """What update rows are held against.

    Parameters
    ----------
    labels : sequence of str
        Of the bundle, after edits.
    keys : mapping of int to str
        Of the texts that were learned, with their labels after edits.
    test_keys : ndarray of uint64
    """

    labels: Sequence[str]
    keys: Mapping[int, str]
    test_keys: np.ndarray


def labelled_texts(rows: Rows, *, subject: str | None = None) -> LabelledTexts:
    """Take texts and labels out of rows; empty where one is missing.

    Parameters
    ----------
    subject : str, optional
        Column that says whom a row is about; None: `subject`, where there is one.
    """
    labels = ["" if one is None else str(one).strip() for one in rows.column("label")]
    name = subject or ("subject" if "subject" in rows.table.column_names else None)
    if name is not None and name not in rows.table.column_names:
        raise MissingColumnError(name, found=rows.table.column_names, origin=rows.origin, flag="--subject")
    subjects = [None] * len(rows) if name is None else rows.table.column(name).to_pylist()
    return LabelledTexts(
        tuple(rows.texts), tuple(labels), tuple(None if one is None else str(one) for one in subjects)
    )


def read_labelled(bundle: Bundle, source: Any, *, subject: str | None = None, **how: Any) -> Rows:
    """Read rows by the columns that a bundle was trained with; nothing of them is split."""
    trained = {role: column for role, column in bundle.roles.items() if role in ("text", "label")}
    unsplit = dict.fromkeys(("time", "split", "group"), NONE)
    given = {name: value for name, value in how.items() if value is not None}
    found = with_columns(trained, functools.partial(read, source), **(unsplit | given))
    if found.roles.label is None:
        raise DataError(
            f"{found.origin} has no column of labels; it has: {', '.join(found.table.column_names)}. Name it with --label."
        )
    return found


def checked_rows(
    given: LabelledTexts, known: Known, *, origin: str, accepts_new: bool, drop_leaks: bool
) -> UpdateRows:
    """Leave out what cannot be learned, and refuse what must not be.

    Raises
    ------
    LeakageError
        If rows equal test rows, unless they are to be left out.
    UnknownLabelError
        If rows have labels that the bundle does not have, unless they are new ones; or new ones that are others but for
        their case.
    EmptyDataError
        If nothing is left.
    """
    left_out: dict[str, int] = {}
    notes: list[str] = []
    kept = np.ones(len(given), dtype=bool)

    def leave(which: np.ndarray, why: str) -> None:
        which = which & kept
        if which.any():
            left_out[why] = int(which.sum())
            rows = count_of(int(which.sum()), "row")
            notes.append(LEFT_OUT[why].format(rows=rows, first=_named(which)))
            kept[which] = False

    leave(np.array([not has_words(one) for one in given.texts]), "without_text")
    leave(np.array([not one for one in given.labels]), "without_label")
    keys = given.keys
    leaked = np.isin(keys, known.test_keys) & kept
    if leaked.any() and not drop_leaks:
        raise _leak(origin, leaked)
    leave(leaked, "in_test")
    _check_labels(given, kept, known.labels, origin, accepts_new=accepts_new)
    conflicting, repeated = _alike(keys, given.labels, kept)
    leave(conflicting, "conflicting")
    leave(repeated, "repeated")
    was = [known.keys.get(key) for key in keys.tolist()]
    same = np.array([old == label for old, label in zip(was, given.labels, strict=True)])
    leave(same, "already_known")
    corrected = np.array([old is not None for old in was]) & kept
    if corrected.any():
        notes.append(CORRECTED.format(rows=count_of(int(corrected.sum()), "row")))
    if not kept.any():
        raise EmptyDataError(
            f"{origin}: none of {len(given):,} rows can be learned ({_why_none(left_out)}). Give rows that are new, with a "
            "text and a label."
        )
    rows = given.take(np.flatnonzero(kept))
    new = tuple(sorted(set(rows.labels) - set(known.labels)))
    return UpdateRows(rows, new, left_out, tuple(notes))


def _why_none(left_out: Mapping[str, int]) -> str:
    return ", ".join(WHY_NONE[why].format(n=n) for why, n in left_out.items()) or "empty"


def _alike(keys: np.ndarray, labels: Sequence[str], kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give which rows contradict others of the same text, and which repeat an earlier one."""
    found: dict[int, set[str]] = {}
    for key, label, is_kept in zip(keys.tolist(), labels, kept, strict=True):
        if is_kept:
            found.setdefault(key, set()).add(label)
    conflicting = np.array([len(found.get(key, ())) > 1 for key in keys.tolist()], dtype=bool)
    seen, repeated = set[int](), np.zeros(len(keys), dtype=bool)
    for place, key in enumerate(keys.tolist()):
        if kept[place] and not conflicting[place]:
            repeated[place] = key in seen
            seen.add(key)
    return conflicting, repeated


def _check_labels(
    given: LabelledTexts, kept: np.ndarray, labels: Sequence[str], origin: str, *, accepts_new: bool
) -> None:
    known = set(labels)
    unknown = [place for place in np.flatnonzero(kept).tolist() if given.labels[place] not in known]
    if accepts_new:
        _check_alike([given.labels[place] for place in unknown], unknown, labels, origin)
    if not unknown or accepts_new:
        return
    names = sorted({given.labels[place] for place in unknown})
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    raise UnknownLabelError(
        f"{origin}: {len(unknown):,} of {len(given):,} rows have labels that the bundle does not know ("
        f"{', '.join(map(quoted, names[:MOST_NAMED]))}{more}), the first in row {unknown[0] + 1}."
        f"{suggest(names[0], labels)} Correct the spelling; or give --new-labels if they are new, --rename old=new if a "
        "label has got another name, --split label if these take its place. Nothing was changed."
    )


def _check_alike(new: Sequence[str], places: Sequence[int], labels: Sequence[str], origin: str) -> None:
    """Refuse a new label that is another one but for case, width or composed letters: it is a slip of the keys."""
    forms = {level(label): label for label in labels}
    for label, place in zip(new, places, strict=True):
        other = forms.setdefault(level(label), label)
        if other != label:
            raise UnknownLabelError(
                f"{origin}: the new label {quoted(label)} in row {place + 1} differs from {quoted(other)} in case or width "
                "alone. Write both the same way, or give one another name. Nothing was changed."
            )


def _leak(origin: str, leaked: np.ndarray) -> LeakageError:
    return LeakageError(
        f"{origin}: {int(leaked.sum()):,} of {len(leaked):,} rows also stand in the test rows (row {_named(leaked)}), so "
        "what was forgotten could not be measured. Leave them out with --drop-leaks. Nothing was changed."
    )


def _named(which: np.ndarray) -> str:
    return ", ".join(str(one + 1) for one in np.flatnonzero(which)[:MOST_NAMED])
