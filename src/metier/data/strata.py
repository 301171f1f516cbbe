"""Strata of rows for splitting: their label, or a substitute for it.

A row with several labels or types of entities belongs to the stratum of the rarest [1]_; frequent ones are spread
evenly in any case. Scores are binned into fifths of the rows.

References
----------
.. [1] Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", 2011.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metier.data.rows import Rows

QUANTILES = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True)
class Strata:
    """The stratum of each row.

    Parameters
    ----------
    names : list of str
        One per row.
    how : str
        Description of the stratification, for a note.
    are_labels : bool
        Whether the strata are labels; then a stratum with too few rows for every split is an error.
    """

    names: list[str]
    how: str
    are_labels: bool = False


def strata_of(rows: Rows, *, n_parts: int) -> Strata:
    """Give the strata of rows that are to be split into a number of parts.

    Raises
    ------
    MissingLabelError
        If rows have no label, labels, spans or score in its column.
    """
    roles = rows.roles
    if roles.label is not None:
        return Strata(rows.labels, "stratified by label", are_labels=True)
    if roles.relations is not None:
        named = [[label for _, _, label in own] for own in rows.values("relations")]
        return Strata(_rarest(named, n_parts), "stratified by relation, the rarest first")
    if roles.spans is not None:
        types = [[label for _, _, label in spans] for spans in rows.values("spans")]
        return Strata(_rarest(types, n_parts), "stratified by type of entity")
    if roles.labels is not None:
        return Strata(_rarest(rows.values("labels"), n_parts), "stratified by label, the rarest first")
    if roles.score is not None:
        scores = np.asarray(rows.values("score"))
        fifths = np.searchsorted(np.quantile(scores, QUANTILES), scores)
        return Strata([str(fifth) for fifth in fifths], "stratified by fifths of the scores")
    if roles.answers is not None:
        answered = ["answered" if answers else "" for answers in rows.values("answers")]
        how = "stratified by whether questions have an answer"
        return Strata(answered, how if "" in answered else "at random")
    return Strata([""] * len(rows), "at random")


def _rarest(labels_of_rows: Sequence[Sequence[str]], n_parts: int) -> list[str]:
    """Give the rarest label of each row; labels with fewer rows than parts share one stratum."""
    counts = Counter(label for labels in labels_of_rows for label in set(labels))
    rarest = [min(labels, key=lambda label: (counts[label], label), default="") for labels in labels_of_rows]
    rows = Counter(rarest)
    return [label if rows[label] >= n_parts else "" for label in rarest]


def nested_order(rows: Rows, *, random_state: int) -> np.ndarray:
    """Give an order of the rows of which every beginning holds each stratum in its share, and whole groups.

    Returns
    -------
    ndarray of int of shape (n_rows,)
    """
    rng = np.random.default_rng(random_state)
    _, codes = np.unique(np.asarray(strata_of(rows, n_parts=2).names), return_inverse=True)
    places = np.empty(len(rows))
    for code in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == code))
        # Places spread evenly over 0 to 1, each label from its own start: no beginning favours a label.
        places[members] = (np.arange(len(members)) + rng.random()) / len(members)
    if rows.roles.group is not None:
        groups = [
            str(index) if value is None else str(value) for index, value in enumerate(rows.column("group"))
        ]
        _, units = np.unique(np.asarray(groups), return_inverse=True)
        places = _by_group(places, units)
    return np.argsort(places, kind="stable")


def _by_group(places: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Let a group stand where its rows stand on average, none of it apart."""
    mean = np.bincount(units, weights=places) / np.bincount(units)
    rank = np.argsort(np.argsort(mean, kind="stable"), kind="stable")
    return rank[units].astype(np.float64)


def part_of(rows: Rows, fraction: float, *, random_state: int) -> Rows:
    """Give a part of the rows with each stratum in its share, whole groups, and every label at least once."""
    if fraction >= 1:
        return rows
    order = nested_order(rows, random_state=random_state)
    kept = list(order[: max(1, round(fraction * len(rows)))])
    labels = label_sets_of(rows)
    known = set().union(*(labels[index] for index in kept))
    for index in order[len(kept) :]:
        if not labels[index] <= known:
            known |= labels[index]
            kept.append(index)
    return rows.take(np.sort(kept))


def label_sets_of(rows: Rows) -> list[set[str]]:
    """Give the labels that each row names; none where it is answered in another way."""
    if rows.roles.label is not None:
        return [{label} for label in rows.labels]
    if rows.roles.relations is not None:
        return [{label for _, _, label in own} for own in rows.values("relations")]
    if rows.roles.spans is not None:
        return [{label for _, _, label in spans} for spans in rows.values("spans")]
    if rows.roles.labels is not None:
        return [set(labels) for labels in rows.values("labels")]
    return [set() for _ in range(len(rows))]
