"""Labels that cannot be told apart, and nearly equal texts with different labels: what the labels themselves leave open."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from metier.audit.finding import Finding, examples_of, positions_of
from metier.audit.label_errors import LabelEvidence
from metier.data.rows import Rows
from metier.figures import count_of
from metier.text.duplicates import Clusters

FEWEST_OF_LABEL = 20
LIKE_CHANCE = 0.65  # Highest accuracy between two labels that still is like chance (0.5).
ONE_SIDED_95 = 1.645
MOST_NAMED = 5


def check_indistinct_labels(rows: Rows, evidence: LabelEvidence) -> Iterator[Finding]:
    """Find pairs of labels between which the out-of-fold answers are like chance."""
    found = evidence.found
    pairs = indistinct_pairs(found.beaten, np.bincount(found.codes, minlength=len(found.beaten)))
    if not pairs:
        return
    named = [(str(evidence.classes[one]), str(evidence.classes[other]), share) for one, other, share in pairs]
    mixed = {label for one, other, _ in pairs for label in (one, other)}
    positions = evidence.positions[np.flatnonzero(np.isin(found.codes, list(mixed)))]
    shown = "; ".join(f"{one} and {other} ({share:.0%})" for one, other, share in named[:MOST_NAMED])
    yield Finding(
        "indistinct-labels",
        "warning",
        f"{count_of(len(pairs), 'pair')} of labels cannot be told apart, right answers between the two in brackets: "
        f"{shown}",
        positions_of(positions),
        rows.origin,
        examples_of(rows, positions.tolist()),
        "merge these labels, or say in the guidelines what tells them apart",
        {
            "pairs": [{"labels": [one, other], "accuracy": share} for one, other, share in named],
            "rule": f"out-of-fold answers between the two labels, both counted as equally frequent, are right in less than "
            f"{LIKE_CHANCE:.0%} at the upper end of a one-sided 95 % interval; labels of {FEWEST_OF_LABEL} rows or more",
        },
    )


def indistinct_pairs(beaten: np.ndarray, counts: np.ndarray) -> list[tuple[int, int, float]]:
    """Give pairs of labels that are told apart hardly better than by chance, and the mean share of right answers.

    Parameters
    ----------
    beaten : ndarray of shape (n_classes, n_classes)
        As `OutOfFold.beaten`.
    counts : ndarray of shape (n_classes,)
        Rows of each label.
    """
    right = 1 - beaten / np.maximum(counts, 1)[:, None]
    spread = right * (1 - right) / np.maximum(counts, 1)[:, None]
    accuracy = (right + right.T) / 2
    highest = accuracy + ONE_SIDED_95 * np.sqrt(spread + spread.T) / 2
    enough = counts >= FEWEST_OF_LABEL
    is_pair = (highest < LIKE_CHANCE) & enough[:, None] & enough[None]
    places = np.argwhere(np.triu(is_pair, 1))
    pairs = [(int(one), int(other), float(accuracy[one, other])) for one, other in places]
    return sorted(pairs, key=lambda pair: pair[2])


def check_near_conflicts(rows: Rows, near: Clusters, exact: Clusters) -> Iterator[Finding]:
    """Find clusters of nearly equal texts whose labels differ; those of equal texts have a finding of their own.

    Parameters
    ----------
    near, exact : Clusters
        Rows grouped by nearly equal and by equal input.
    """
    if rows.roles.label is None:
        return
    labels = rows.column("label")
    groups = []
    for group in near.groups():
        # One label a text, the most frequent: texts with two labels are reported as conflicting.
        by_text = {
            text: Counter(labels[row] for row in group[exact.ids[group] == text].tolist()).most_common(1)[0][0]
            for text in np.unique(exact.ids[group])
        }
        if len({label for label in by_text.values() if label is not None}) > 1:
            groups.append(group)
    if not groups:
        return
    groups.sort(key=len, reverse=True)
    positions = [int(row) for group in groups for row in group]
    numbers = [number for number, group in enumerate(groups, 1) for _ in group]
    yield Finding(
        "near-conflicts",
        "warning",
        f"{count_of(len(groups), 'cluster')} of nearly equal texts with different labels "
        f"({count_of(len(positions), 'row')})",
        positions_of(positions),
        rows.origin,
        examples_of(rows, positions, group=numbers),
        "decide on one label for each cluster, or keep what tells the texts apart",
        {
            "clusters": len(groups),
            "largest": len(groups[0]),
            "rule": "texts that share at least 80 % of their shingles of characters, directly or through others",
        },
    )
