"""What rows are dealt out by, so that every part holds a share of everything: their label, or what stands for it.

A row of many labels, or with entities of several types, counts for the rarest of them [1]_: common ones find
their share in any case. Scores are cut into fifths of the rows.

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
        One a row.
    how : str
        How rows are dealt out by them, for a note.
    are_labels : bool
        Whether a stratum with too few rows for every part is an error: only where it is a label to be told.
    """

    names: list[str]
    how: str
    are_labels: bool = False


def strata_of(rows: Rows, *, n_parts: int) -> Strata:
    """Give the strata of rows that are to be dealt out to a number of parts.

    Raises
    ------
    MissingLabelError
        If rows have no label, labels, spans or score where there is a column of them.
    """
    roles = rows.roles
    if roles.label is not None:
        return Strata(rows.labels, "each label in its share", are_labels=True)
    if roles.spans is not None:
        types = [[label for _, _, label in spans] for spans in rows.values("spans")]
        return Strata(_rarest(types, n_parts), "each type of entity in its share, the rarest first")
    if roles.labels is not None:
        return Strata(_rarest(rows.values("labels"), n_parts), "each label in its share, the rarest first")
    if roles.score is not None:
        scores = np.asarray(rows.values("score"))
        fifths = np.searchsorted(np.quantile(scores, QUANTILES), scores)
        return Strata([str(fifth) for fifth in fifths], "each fifth of the scores in its share")
    if roles.answers is not None:
        answered = ["answered" if answers else "" for answers in rows.values("answers")]
        how = "questions with and without an answer in their share"
        return Strata(answered, how if "" in answered else "at random")
    return Strata([""] * len(rows), "at random")


def _rarest(labels_of_rows: Sequence[Sequence[str]], n_parts: int) -> list[str]:
    """Give the rarest label of each row; those with fewer rows than there are parts share one stratum."""
    counts = Counter(label for labels in labels_of_rows for label in set(labels))
    rarest = [min(labels, key=lambda label: (counts[label], label), default="") for labels in labels_of_rows]
    rows = Counter(rarest)
    return [label if rows[label] >= n_parts else "" for label in rarest]
