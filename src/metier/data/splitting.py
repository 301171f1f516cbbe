"""Train, validation and test: given splits are kept, missing ones are made.

Rows are assigned in units: one row, or rows that must stay together because they are duplicates or belong to
one group. Units of several rows go first, each to the split that lacks its labels most (as in iterative
stratification [1]_); single rows then fill each label's share exactly. By time, the units whose last row is latest
are held out, so nothing is learned from the future.

References
----------
.. [1] Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", 2011.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from metier.data.near_duplicates import can_search_near, near_duplicates_of
from metier.data.rows import Rows
from metier.data.splitting_columns import as_seconds, positions_by_split
from metier.data.strata import label_sets_of, strata_of
from metier.errors import CallError, DataError, RareLabelError
from metier.figures import count_of
from metier.text.duplicates import Clusters, exact_duplicates, join_clusters, near_duplicates, text_keys

TRAIN, VALIDATION, TEST = 0, 1, 2
NAMES = ("train", "validation", "test")
# Shares of the rows, and a number of rows, that candidates are compared on.
LEAST_TO_CHOOSE_ON, MOST_TO_CHOOSE_ON, ENOUGH_TO_CHOOSE_ON = 0.1, 0.2, 500
# "Yes, please" is in every conversation: duplicates that would tie more groups together than this are ignored.
MOST_TIED_FRACTION = 0.1


@dataclass(frozen=True)
class Splits:
    """Rows in three splits, and how they were made.

    Parameters
    ----------
    train, validation, test : Rows
        Rows to learn from, to choose with, and to evaluate once at the end.
    notes : tuple of str
        Which splits were given, which were made and how, one sentence each.
    """

    train: Rows
    validation: Rows
    test: Rows
    notes: tuple[str, ...] = ()

    def part(self, name: str) -> Rows:
        """Give a part by its name: train, validation or test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


def split_rows(
    rows: Rows,
    *,
    test: Rows | None = None,
    validation: Rows | None = None,
    validation_fraction: float | None = None,
    test_fraction: float = 0.2,
    random_state: int,
    keep_rare: bool = False,
) -> Splits:
    """Split rows into train, validation and test.

    Given splits, as separate rows or by a split column, are kept. Missing ones are held out of the training
    rows: the latest rows where there is a time column, otherwise stratified by label, type of entity or fifth of the
    scores, keeping rows of a group, near duplicates and questions about one passage together.

    Parameters
    ----------
    rows : Rows
        All rows, or those to train on.
    test, validation : Rows, optional
        Given splits.
    validation_fraction, test_fraction : float
        Share of `rows` to hold out where a split is missing, more than 0 and less than 1. The default of the first
        depends on the number of rows, see `fraction_to_choose_on`.
    keep_rare : bool, default=False
        Labels with fewer rows than splits stay in training: they are learned, but not evaluated. Otherwise they
        are an error.
    random_state : int
        Equal rows and an equal seed give equal parts.

    Raises
    ------
    RareLabelError
        If a label has fewer rows than there are splits.
    DataError
        If the split column holds other values than train, validation and test, or a split is empty.
    MissingLabelError
        If rows have no label, labels, spans or score in its column.
    """
    if validation_fraction is None:
        validation_fraction = fraction_to_choose_on(len(rows))
    _check_fractions(validation_fraction, test_fraction)
    parts: dict[str, Rows] = {
        name: part for name, part in (("test", test), ("validation", validation)) if part is not None
    }
    notes = [f"{name}: {count_of(len(part), 'row')} of {part.origin}, as given" for name, part in parts.items()]
    train = rows
    if rows.roles.split is not None:
        train = _keep_split_column(rows, parts, notes)
    fractions = {
        name: fraction
        for name, fraction in (("test", test_fraction), ("validation", validation_fraction))
        if name not in parts
    }
    if fractions:
        _check_separable(train, fractions)
        sides, how = _assign(train, fractions, random_state, keep_rare=keep_rare)
        for name in fractions:
            held_out = np.flatnonzero(sides == NAMES.index(name))
            parts[name] = train.take(held_out)
            notes.append(f"{name}: {len(held_out):,} of {len(train):,} rows, {how}")
        train = train.take(np.flatnonzero(sides == TRAIN))
    _check_not_empty({"train": train, **parts})
    return Splits(train, parts["validation"], parts["test"], tuple(notes))


def fraction_to_choose_on(n_rows: int) -> float:
    """Give the share of rows that candidates are chosen on: a tenth, and of few rows up to a fifth, at most 500.

    Examples
    --------
    >>> [fraction_to_choose_on(rows) for rows in (100, 2_000, 4_000, 50_000)]
    [0.2, 0.2, 0.125, 0.1]
    """
    return max(LEAST_TO_CHOOSE_ON, min(MOST_TO_CHOOSE_ON, ENOUGH_TO_CHOOSE_ON / max(1, n_rows)))


def _check_fractions(validation_fraction: float, test_fraction: float) -> None:
    for name, fraction in (("validation_fraction", validation_fraction), ("test_fraction", test_fraction)):
        if not 0 < fraction < 1:
            raise CallError(f"{name} is a share of the rows, more than 0 and less than 1; found {fraction}.")
    if validation_fraction + test_fraction >= 1:
        raise CallError(
            f"validation_fraction and test_fraction together are {validation_fraction + test_fraction:g}, "
            "which leaves no "
            "rows to train on. Lower one of them."
        )


def _keep_split_column(rows: Rows, parts: dict[str, Rows], notes: list[str]) -> Rows:
    """Move the splits of a split column to `parts`; gives the training rows."""
    positions = positions_by_split(rows)
    for name in ("test", "validation"):
        if name not in positions:
            continue
        if name in parts:
            raise CallError(
                f"{name} rows are given twice: by {parts[name].origin} and by the split column "
                f"{rows.roles.split!r}. Remove --{name}, or ignore the column with --split none."
            )
        parts[name] = rows.take(positions[name])
        notes.append(f"{name}: {count_of(len(parts[name]), 'row')}, by the column {rows.roles.split}")
    return rows.take(positions["train"])


class Tie(NamedTuple):
    """What keeps all rows together, so that none can be held out.

    Parameters
    ----------
    sentence, cure : str
        What it is, and what to do.
    flag : str
        The flag that names another column; empty where none helps.
    """

    sentence: str
    cure: str
    flag: str = ""


def tie_of(rows: Rows) -> Tie | None:
    """Find what ties all rows together: one group, or one text; None where nothing does."""
    if len(rows) < 2:
        return None
    number, column = f"all {len(rows):,} rows", rows.roles.group
    if rows.roles.question is not None:
        if _are_equal(rows.texts):
            return Tie(f"{number} ask about one passage", "add questions about other passages")
    elif _are_equal(rows.whole_inputs):
        if not rows.has_texts:
            noun = "image" if rows.has_images else "recording"
            return Tie(f"{number} have the same {noun}", f"add other {noun}s")
        return Tie(
            f"{number} have the same text", "name another text column with --text, or add other rows", "--text"
        )
    if column is not None and not np.any(_groups(rows).ids):
        cure = "name a column with more groups with --group, or leave groups out with --group none"
        return Tie(f"{number} are of one group (column {column})", cure, "--group")
    return None


def _are_equal(texts: Sequence[str]) -> bool:
    # The first hundred texts nearly always differ; then the others need not be looked at.
    return len(set(text_keys(texts[:100]))) == 1 and len(set(text_keys(texts))) == 1


def _check_separable(rows: Rows, fractions: dict[str, float]) -> None:
    tie = tie_of(rows)
    if tie is not None:
        parts = " or ".join(fractions)
        raise DataError(
            f"{rows.origin}: {tie.sentence}, and such rows stay together: no {parts} part can be held out. "
            f"{tie.cure[0].upper()}{tie.cure[1:]}."
        )


def _check_not_empty(parts: dict[str, Rows]) -> None:
    for name, part in parts.items():
        if len(part) == 0:
            raise DataError(
                f"The {name} part would have no rows. Give more rows (or more groups), or give separate "
                f"{name} rows."
            )


def _assign(
    rows: Rows, fractions: dict[str, float], random_state: int, *, keep_rare: bool
) -> tuple[np.ndarray, str]:
    """Give the split of each row and how it was chosen."""
    strata = strata_of(rows, n_parts=len(fractions) + 1)
    classes, codes = np.unique(strata.names, return_inverse=True)
    counts = np.bincount(codes)
    rare = {str(label): int(n) for label, n in zip(classes, counts, strict=True) if n <= len(fractions)}
    if rare and strata.are_labels and not keep_rare:
        raise RareLabelError(rare, needed=len(fractions) + 1)
    clusters, kept = units_of(rows)
    shares = np.zeros(3)
    for name, fraction in fractions.items():
        shares[NAMES.index(name)] = fraction
    shares[TRAIN] = 1 - shares.sum()
    if rows.roles.time is not None:
        return _latest(rows, clusters, shares), f"the latest by {rows.roles.time}{kept}"
    dealer = StratifiedDealer(clusters, codes, counts, shares, np.random.default_rng(random_state))
    sides = dealer.sides()
    _keep_every_label(sides, clusters, label_sets_of(rows))
    if rare and strata.are_labels:
        sides[np.isin(classes[codes], list(rare))] = TRAIN
        kept += f"; {', '.join(rare)} only in training, as there are too few rows"
    return sides, f"{strata.how}{kept}"


def _keep_every_label(sides: np.ndarray, clusters: Clusters, labels: list[set[str]]) -> None:
    """Move what holds a label that no training row has to training: it could not be answered."""
    known = set().union(*(labels[row] for row in np.flatnonzero(sides == TRAIN)))
    for row in np.flatnonzero(sides != TRAIN):
        if not labels[row] <= known:
            together = np.flatnonzero(clusters.ids == clusters.ids[row])
            sides[together] = TRAIN
            known.update(*(labels[one] for one in together))


def units_of(rows: Rows) -> tuple[Clusters, str]:
    """Give the rows that must stay together (near duplicates, one group, one passage), and a description."""
    near = can_search_near(rows)
    if rows.roles.question is not None:
        clusters = near_duplicates(rows.texts) if near else exact_duplicates(rows.texts)
    else:
        clusters = near_duplicates_of(rows) if near else exact_duplicates(rows.whole_inputs)
    kept = ["near duplicates" if near else "exact duplicates"] if clusters.n_repeats else []
    if rows.has_images and rows.has_texts and not rows.roles.targets:
        # A text finds images: a text that was learned from asks nothing new.
        merged = join_clusters(clusters, exact_duplicates(rows.texts))
        kept += ["equal texts"] if merged.n_repeats > clusters.n_repeats else []
        clusters = merged
    if rows.roles.question is not None:
        kept = ["questions about one passage"]
    if rows.roles.group is not None:
        groups = _groups(rows)
        merged = join_clusters(clusters, groups)
        if _largest(merged) > max(MOST_TIED_FRACTION * len(rows), _largest(groups)):
            kept, merged = [], groups
        clusters = merged
        kept.append(f"rows of one {rows.roles.group}")
    return clusters, f", with {' and '.join(kept)} kept together" if kept else ""


def _largest(clusters: Clusters) -> int:
    return int(np.bincount(clusters.ids).max())


def groups_of(rows: Rows) -> np.ndarray | None:
    """Give the group of each row, an int ndarray of shape (n_rows,); None where every row is its own.

    Rows of one group resemble one another, and so do questions about one passage where no group is named; figures over
    them draw whole groups (`metier.evaluation.groups`).
    """
    if rows.roles.group is not None:
        ids = _groups(rows).ids
    elif rows.roles.question is not None:
        ids = _alike(text_keys(rows.texts).tolist())
    else:
        return None
    return None if len(np.unique(ids)) == len(ids) else ids


def _groups(rows: Rows) -> Clusters:
    return Clusters(_alike(rows.column("group")))


def _alike(values: Sequence[Hashable | None]) -> np.ndarray:
    """Give the number of the first row with the same value for each; one without a value is by itself."""
    firsts: dict[Hashable, int] = {}
    ids = [
        position if value is None else firsts.setdefault(value, position)
        for position, value in enumerate(values)
    ]
    return np.array(ids, dtype=np.int64)


def _latest(rows: Rows, clusters: Clusters, shares: np.ndarray) -> np.ndarray:
    seconds = as_seconds(rows)
    last = np.full(len(rows), -np.inf)
    np.maximum.at(last, clusters.ids, seconds)
    # Rows of one unit are adjacent; units are ordered by their latest row.
    order = np.lexsort((np.arange(len(rows)), clusters.ids, last[clusters.ids]))
    bounds = np.round(np.cumsum(shares) * len(rows)).astype(int)
    sides = np.empty(len(rows), dtype=np.int64)
    for side in (TEST, VALIDATION, TRAIN):
        sides[order[: bounds[side]]] = side
    # A unit across a boundary goes to the later split as a whole, with its latest row.
    latest_side = np.zeros(len(rows), dtype=np.int64)
    np.maximum.at(latest_side, clusters.ids, sides)
    return latest_side[clusters.ids]


class StratifiedDealer:
    """Assigns units to splits or folds, label by label; the first gets what the others leave."""

    def __init__(
        self,
        clusters: Clusters,
        codes: np.ndarray,
        counts: np.ndarray,
        shares: np.ndarray,
        random: np.random.Generator,
    ):
        self._clusters, self._codes, self._random = clusters, codes, random
        # A label with enough rows has at least one in every split.
        wanted = np.round(shares[:, None] * counts)
        wanted[1:] = np.where((shares[1:, None] > 0) & (wanted[1:] == 0), 1, wanted[1:])
        wanted[TRAIN] = counts - wanted[1:].sum(axis=0)
        self._wanted, self._needed = wanted, wanted.copy()

    def sides(self) -> np.ndarray:
        """Give the split or fold of each row, an ndarray of int of shape (n_rows,)."""
        sides = np.full(len(self._codes), TRAIN)
        assigned = np.zeros(len(self._codes), dtype=bool)
        for unit in self._units_largest_first():
            sides[unit] = self._needy_side(unit)
            assigned[unit] = True
        singles = self._random.permutation(np.flatnonzero(~assigned))
        by_label = singles[np.argsort(self._codes[singles], kind="stable")]
        for members in np.split(by_label, np.flatnonzero(np.diff(self._codes[by_label])) + 1):
            self._fill(members, sides)
        return sides

    def _units_largest_first(self) -> list[np.ndarray]:
        units = self._clusters.groups()
        shuffled = [units[position] for position in self._random.permutation(len(units))]
        return sorted(shuffled, key=len, reverse=True)

    def _needy_side(self, unit: np.ndarray) -> int:
        labels, counts = np.unique(self._codes[unit], return_counts=True)
        lacks = self._needed[:, labels] / np.maximum(self._wanted[:, labels], 1)
        # All ones at the start; a split that has its share turns negative and is skipped.
        side = int((lacks * counts).sum(axis=1).argmax())
        self._needed[side, labels] -= counts
        return side

    def _fill(self, members: np.ndarray, sides: np.ndarray) -> None:
        if not len(members):
            return
        label, start = self._codes[members[0]], 0
        for side in range(len(self._needed) - 1, TRAIN, -1):
            # Training keeps at least one row.
            take = min(max(int(self._needed[side, label]), 0), max(len(members) - start - 1, 0))
            sides[members[start : start + take]] = side
            start += take
