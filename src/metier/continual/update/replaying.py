"""What goes into a replay store and comes out of it, by the labels of a bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.continual.update.feature_source import FeatureSource
from metier.continual.update.labels import LabelTable
from metier.continual.update.replay_choice import PER_LABEL, Choice, chosen_rows
from metier.continual.update.replay_store import ReplayRow, ReplayStore
from metier.continual.update.update_rows import LabelledTexts


@dataclass(frozen=True)
class Keeping:
    """What a store keeps.

    Parameters
    ----------
    per_label : int
        Rows of each label at most.
    how : {"reservoir", "herding"}
    mask : bool
        Whether personal data is masked in its texts.
    """

    per_label: int = PER_LABEL
    how: Choice = "reservoir"
    mask: bool = False

    def chosen(self, features: Any, y: np.ndarray, *, random_state: int) -> np.ndarray:
        """Give the positions of the rows that a new store keeps."""
        return chosen_rows(features, y, per_label=self.per_label, how=self.how, random_state=random_state)


def stored(path: Path | None, table: LabelTable, *, but: np.ndarray) -> list[ReplayRow]:
    """Give the rows of a store with the labels as they are called now; none of labels that were split.

    Parameters
    ----------
    but : ndarray of uint64
        Keys of texts that are left out: rows of this update, should it have been interrupted, and of test.
    """
    if path is None or not path.is_file():
        return []
    store = ReplayStore(path)
    try:
        found, skipped = store.rows(), {f"{key:016x}" for key in but.tolist()}
    finally:
        store.close()
    named = [(one, table.now(one.label)) for one in found if one.own_key not in skipped]
    return [ReplayRow(one.text, label, one.subject, one.key) for one, label in named if label is not None]


def keep_rows(
    path: Path,
    table: LabelTable,
    came: LabelledTexts,
    *,
    but: np.ndarray,
    seen: Mapping[str, int],
    digest: str,
    keeping: Keeping,
    source: FeatureSource,
    random_state: int,
) -> None:
    """Put the rows of an update into a store, so many of each label at most; nothing where that was done before.

    Parameters
    ----------
    came : LabelledTexts
        What was learned that the store has not seen.
    but : ndarray of uint64
        Keys of stored rows that have another label now, or are tested on.
    seen : mapping of str to int
        How many rows of each label there were before: those in the store stand for them.
    digest : str
        Of the update.
    """
    before = stored(path, table, but=but)
    store = ReplayStore(path)
    try:
        if store.has(digest):
            return
        fresh = [
            store.sealed(ReplayRow(*one)) for one in zip(came.texts, came.labels, came.subjects, strict=True)
        ]
        random, kept = np.random.default_rng(random_state), list[ReplayRow]()
        for label in sorted({one.label for one in (*before, *fresh)}):
            olds, news = ([one for one in part if one.label == label] for part in (before, fresh))
            room = min(keeping.per_label, len(olds) + len(news))
            share = len(news) / max(max(seen.get(label, 0), len(olds)) + len(news), 1)
            of_new = int(np.clip(random.binomial(room, share), room - len(olds), len(news)))
            for part, n_kept in ((olds, room - of_new), (news, of_new)):
                kept += _some(part, n_kept, source, keeping.how, int(random.integers(2**31)))
        store.keep(kept, digest=digest, mask=keeping.mask)
    finally:
        store.close()


def _some(
    rows: Sequence[ReplayRow], n_kept: int, source: FeatureSource, how: Choice, random_state: int
) -> list[ReplayRow]:
    if n_kept >= len(rows):
        return list(rows)
    if not n_kept:
        return []
    features = source.vectors([one.text for one in rows]) if how == "herding" else np.zeros((len(rows), 1))
    y = np.zeros(len(rows), dtype=np.int64)
    places = chosen_rows(features, y, per_label=n_kept, how=how, random_state=random_state)
    return [rows[place] for place in places]
