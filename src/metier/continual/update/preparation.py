"""All that an update is made of, read and checked before anything is learned."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from metier.bundles import Bundle
from metier.bundles.manifest import MANIFEST_FILE
from metier.continual.update.choosing import AUTO, full_name
from metier.continual.update.feature_source import FeatureSource, feature_source
from metier.continual.update.labels import Edits, LabelTable, Relabelling
from metier.continual.update.material import Material
from metier.continual.update.methods.method import Lesson
from metier.continual.update.old_rows import OldRows, read_old_rows
from metier.continual.update.replay_store import check_replay_place
from metier.continual.update.replaying import Keeping, stored
from metier.continual.update.state import UpdateState, read_state
from metier.continual.update.update_rows import (
    Known,
    LabelledTexts,
    UpdateRows,
    checked_rows,
    labelled_texts,
    read_labelled,
)
from metier.errors import CallError, DataError
from metier.figures import count_of
from metier.progress import Listener
from metier.tasks.answers import LABEL
from metier.tasks.folds import fold_numbers

FEWEST_ROWS = 10
TESTED_FOLDS, CHOSEN_FOLDS = 5, 7  # One in five new rows is tested on, one in seven of the others chosen on.


@dataclass(frozen=True)
class UpdateOptions:
    """How an update is made.

    Parameters
    ----------
    method : str
        `auto`, or the name of a method.
    edits : Edits
    accepts_new : bool
        Whether labels that the bundle does not have are new ones, and not mistakes.
    drop_leaks : bool
        Whether rows that equal test rows are left out instead of refused.
    replay : Path or None
        The replay store.
    keeping : Keeping
        What it keeps.
    subject : str or None
        Column that says whom a row is about.
    random_state : int
    """

    method: str = AUTO
    edits: Edits = field(default_factory=Edits)
    accepts_new: bool = False
    drop_leaks: bool = False
    replay: Path | None = None
    keeping: Keeping = field(default_factory=Keeping)
    subject: str | None = None
    random_state: int = 0


DEFAULTS = UpdateOptions()


@dataclass(frozen=True)
class Prepared:
    """What was read.

    Parameters
    ----------
    bundle : Bundle
    state : UpdateState
        Before the update.
    table : LabelTable
        After it.
    relabelling : Relabelling
        What edits did to the names.
    sources : tuple of tuple of int
        Of each column afterwards, the columns before that went into it.
    old : OldRows
        In the names before; test rows in those after.
    given : UpdateRows
    learned, choosing, tested : LabelledTexts
        Parts of the new rows.
    options : UpdateOptions
    digest : str
        Of everything.
    notes : tuple of str
    """

    bundle: Bundle
    state: UpdateState
    table: LabelTable
    relabelling: Relabelling
    sources: tuple[tuple[int, ...], ...]
    old: OldRows
    given: UpdateRows
    learned: LabelledTexts
    choosing: LabelledTexts
    tested: LabelledTexts
    options: UpdateOptions
    digest: str
    notes: tuple[str, ...]

    def source(self, kept_in: Path | None = None) -> FeatureSource:
        """Give what computes features."""
        return feature_source(self.bundle, kept_in=kept_in)

    @property
    def known(self) -> dict[int, str]:
        """Keys of the texts that were known before, with the names that their labels had."""
        known = dict(self.state.known)
        for part in (self.old.train, self.old.validation):
            known |= dict(zip(part.keys.tolist(), part.labels, strict=True))
        return known

    @property
    def n_missing(self) -> int:
        """How many rows that were learned in earlier updates are not among the old rows, where these are given."""
        return n_missing(self.state, self.old) if len(self.old.train) else 0

    @property
    def seen(self) -> Counter[str]:
        """How many rows of each label were known before, by its name now."""
        return Counter(name for one in self.known.values() if (name := self.table.now(one)) is not None)

    @property
    def excluded(self) -> np.ndarray:
        """Keys of rows that must not be replayed: those of the update, which may be stored already, and of test."""
        rows = LabelledTexts.joined(self.given.rows, self.old.test)
        return rows.keys

    def lesson(self, rows: LabelledTexts, features: Any) -> Lesson:
        """Give rows in the columns after the update."""
        return Lesson(features, _columns(rows.labels, self.table.names))


def prepare(
    bundle: Bundle,
    rows: Any,
    *,
    old: Any,
    test: Any,
    options: UpdateOptions,
    listener: Listener,
    **how: Any,
) -> Prepared:
    """Read and check; raises what `update` does."""
    _check_bundle(bundle)
    if options.replay is not None:
        check_replay_place(options.replay)
    options = replace(options, method=full_name(options.method))
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    state = read_state(bundle.folder, bundle.labels)
    relabelling = state.labels.edited(options.edits, when=when)
    known_rows = read_old_rows(bundle, old=old, test=test, subject=options.subject, listener=listener, **how)
    found = read_labelled(bundle, rows, **how)
    given = labelled_texts(found, subject=options.subject)
    names, splits = relabelling.names, list(options.edits.splits)
    tested = known_rows.test.named(names)
    before = {**state.known, **_keys(known_rows.train), **_keys(known_rows.validation)}
    keys = {key: now for key, label in before.items() if (now := relabelling.table.now(label)) is not None}
    known = Known(relabelling.table.names, keys, known_rows.test.keys)
    accepts_new = options.accepts_new or bool(splits)
    checked = checked_rows(
        given, known, origin=found.origin, accepts_new=accepts_new, drop_leaks=options.drop_leaks
    )
    if len(checked.rows) < FEWEST_ROWS:
        raise DataError(
            f"{found.origin} has {len(checked.rows)} rows to learn; a fifth of them is held out to be tested on, for which "
            f"at least {FEWEST_ROWS} are needed. Give more rows."
        )
    if splits and not checked.new_labels:
        raise DataError(
            f"--split {' '.join(splits)}: {found.origin} has no label that the bundle does not have. Give rows with the "
            "names that take its place."
        )
    table = relabelling.table.with_new(checked.new_labels, when=when, splits=splits)
    parts = _parted(checked.rows, options.random_state)
    notes = [*found.notes, *known_rows.notes, *checked.notes]
    notes += [*_missing(state, known_rows), *_untestable(known_rows.test, tested)]
    return Prepared(
        bundle,
        state,
        table,
        relabelling,
        (*relabelling.sources, *(() for _ in checked.new_labels)),
        replace(known_rows, test=tested),
        checked,
        *parts,
        options,
        _digest(bundle, checked.rows, known_rows, options),
        tuple(notes),
    )


def material(
    prepared: Prepared, source: FeatureSource, *, is_trial: bool, listener: Listener
) -> tuple[Material, tuple[Lesson, Lesson]]:
    """Give what methods learn from, and rows that they have not learned: of a trial old and new rows to choose on."""
    old = prepared.old
    new_keys = prepared.given.rows.keys

    def lesson(rows: LabelledTexts) -> Lesson:
        return prepared.lesson(rows, source.vectors(rows.texts, listener=listener))

    known = old.train if is_trial else LabelledTexts.joined(old.train, old.validation)
    before = prepared.state.labels.names
    known = known.take(_usable(known, before, new_keys))
    olds = None
    if len(known):
        olds = Lesson(source.vectors(known.texts, listener=listener), _columns(known.labels, before))
    learned = prepared.learned
    if not is_trial:
        learned = LabelledTexts.joined(prepared.learned, prepared.choosing)
    replayed = _replayed(prepared, known, source)
    found = Material(
        lesson(learned), prepared.sources, len(before), olds, replayed, prepared.state.methods or None
    )
    held = old_rows_left(prepared, old.validation)
    if not is_trial or prepared.state.methods:
        held = held.take(())  # Methods of an earlier update have learned them.
    return found, (lesson(held), lesson(prepared.choosing))


def old_rows_left(prepared: Prepared, rows: LabelledTexts) -> LabelledTexts:
    """Give the old rows that an update still learns from, in the names after it."""
    usable = _usable(rows, prepared.state.labels.names, prepared.given.rows.keys)
    return rows.take(usable).named(prepared.relabelling.names)


def _replayed(prepared: Prepared, known: LabelledTexts, source: FeatureSource) -> Lesson | None:
    """Give the rows of the replay store; in the first update, what it will keep of the old rows."""
    options = prepared.options
    if options.replay is None:
        return None
    rows = stored(options.replay, prepared.table, but=prepared.excluded)
    if not rows:
        texts = known.named(prepared.relabelling.names)
        features = source.vectors(texts.texts)
        places = options.keeping.chosen(features, np.array(texts.labels), random_state=options.random_state)
        return prepared.lesson(texts.take(places), features[places])
    labels = tuple(one.label for one in rows)
    features = source.vectors([one.text for one in rows])
    return Lesson(features, _columns(labels, prepared.table.names))


def _check_bundle(bundle: Bundle) -> None:
    if bundle.answer_kind.name != LABEL.name or bundle.input_keys != ("text",):
        raise CallError(
            f"{bundle.folder} is asked {bundle.input_kind.noun} and does not answer with one label alone, so it "
            "cannot be updated. Train again with metier train on old and new rows together."
        )


def _keys(rows: LabelledTexts) -> dict[int, str]:
    return dict(zip(rows.keys.tolist(), rows.labels, strict=True))


def _columns(labels: Sequence[str], names: Sequence[str]) -> np.ndarray:
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[label] for label in labels], dtype=np.int64)


def _usable(rows: LabelledTexts, names: Sequence[str], but: np.ndarray) -> np.ndarray:
    """Give the old rows of labels that the bundle has, but those that the update corrects."""
    has_label = np.array([label in names for label in rows.labels], dtype=bool)
    return np.flatnonzero(has_label & ~np.isin(rows.keys, but))


def _parted(rows: LabelledTexts, random_state: int) -> tuple[LabelledTexts, LabelledTexts, LabelledTexts]:
    """Give new rows to learn, to choose on and to test on, each label in equal shares."""
    random = np.random.RandomState(random_state)
    _, truth = np.unique(np.array(rows.labels), return_inverse=True)
    tested = fold_numbers(truth, n_folds=TESTED_FOLDS, random=random) == 0
    rest = np.flatnonzero(~tested)
    _, of_rest = np.unique(truth[rest], return_inverse=True)
    chosen = fold_numbers(of_rest, n_folds=CHOSEN_FOLDS, random=random) == 0
    return rows.take(rest[~chosen]), rows.take(rest[chosen]), rows.take(np.flatnonzero(tested))


def n_missing(state: UpdateState, old: OldRows) -> int:
    """Count the texts that were learned in earlier updates and are not among the old rows."""
    return len(state.known.keys() - {*_keys(old.train), *_keys(old.validation)})


def _missing(state: UpdateState, old: OldRows) -> list[str]:
    if not len(old.train) or not (missing := n_missing(state, old)):
        return []
    return [
        f"{count_of(missing, 'row')} learned in earlier updates are not among the old rows: refit and joint leave them "
        "out, and refit is not chosen by itself"
    ]


def _untestable(test: LabelledTexts, tested: LabelledTexts) -> list[str]:
    if len(test) == len(tested):
        return []
    return [
        f"{len(test) - len(tested):,} old test rows have a label that was split, so they cannot be measured any more: "
        "label them anew"
    ]


def _digest(bundle: Bundle, rows: LabelledTexts, old: OldRows, options: UpdateOptions) -> str:
    """Give what tells this update from others."""
    manifest = hashlib.sha256((bundle.folder / MANIFEST_FILE).read_bytes()).hexdigest()
    edits = options.edits
    settings: list[Any] = [options.method, dict(edits.renames), list(edits.merges), list(edits.splits)]
    settings += [options.random_state, options.replay and options.replay.name, repr(options.keeping)]
    parts = [rows.texts, rows.labels, old.train.texts, old.train.labels, old.test.texts, old.test.labels]
    text = json.dumps([manifest, settings, parts])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
