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
