"""Labels that a row of several has too much, or lacks: `label_errors` for each label by itself.

Each label splits the rows into those with it and those without; a cheap model trained on other rows says which side each
row is like. The rule is that of single labels, and so is the order.
"""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metier.audit.finding import Finding, examples_of, positions_of
from metier.audit.label_errors import FEWEST_ROWS, MOST_RANKED, ODDS, find_suspicious, suspicion, word_features
from metier.audit.out_of_fold import N_FOLDS, OutOfFold, out_of_fold
from metier.data.rows import Rows
from metier.figures import count_of
from metier.tasks.inputs import TEXT, input_of_rows

FEWEST_OF_LABEL = 3 * N_FOLDS
MOST_NUMBERS = 20_000_000  # Rows times labels.


@dataclass(frozen=True)
class DoubtfulLabel:
    """A label of a row that a model of other rows contradicts.

    Parameters
    ----------
    row : int
        Position among all rows.
    label : str
    is_given : bool
        Whether the row has it, and looks as if it should not; else it lacks it.
    suspicion : float
        As `label_errors.suspicion`.
    """

    row: int
    label: str
    is_given: bool
    suspicion: float

    @property
    def suggested(self) -> str:
        """What would settle it: `- label` or `+ label`."""
        return f"{'−' if self.is_given else '+'} {self.label}"


def check_label_set_errors(rows: Rows, *, random_state: int = 0) -> Iterator[Finding]:
    """Find rows whose set has a label too much or lacks one; the most suspicious come first."""
    if rows.roles.labels is None or input_of_rows(rows) is not TEXT:
        return
    given = [list(labels or ()) for labels in rows.column("labels")]
    found = doubtful_labels(rows.texts, given, random_state=random_state)
    if not found:
        return
    by_row: dict[int, list[DoubtfulLabel]] = {}
    for one in found:
        by_row.setdefault(one.row, []).append(one)
    positions = list(by_row)
    yield Finding(
        "label-set-errors",
        "warning",
        f"{count_of(len(positions), 'row')} {'looks' if len(positions) == 1 else 'look'} as if a label was missing or too "
        "much",
        positions_of(positions),
        rows.origin,
        examples_of(
            rows,
            positions,
            has=[", ".join(given[row]) for row in positions],
            likelier=[", ".join(one.suggested for one in some) for some in by_row.values()],
        ),
        shlex.join(["metier", "check", rows.origin, "--show", "label-set-errors"]),
        {
            "fraction": len(positions) / len(given),
            "rule": "naive Bayes on words and word pairs, a model a label, trained on other rows: the other side is at "
            f"least {ODDS:.0f} times as probable, and as probable as for its own rows on average; ordered by loss times "
            "the root of the probability of the other side",
            "suggested": [
                {"row": one.row + 1, "label": one.label, "is_given": one.is_given}
                for one in found[:MOST_RANKED]
            ],
        },
    )


def doubtful_labels(
    texts: Sequence[str], given: Sequence[Sequence[str]], *, random_state: int = 0
) -> list[DoubtfulLabel]:
    """Give labels that rows have too much or lack, the most suspicious first.

    Parameters
    ----------
    given : sequence of sequence of str
        The labels of each text.
    """
    counts = Counter(label for labels in given for label in set(labels))
    names = [name for name, n in counts.items() if FEWEST_OF_LABEL <= n <= len(given) - FEWEST_OF_LABEL]
    if not names or len(given) < FEWEST_ROWS or len(given) * len(names) > MOST_NUMBERS:
        return []
    features = word_features(texts)
    if features is None:
        return []
    doubtful = []
    for name in names:
        codes = np.array([name in labels for labels in given], dtype=np.int64)
        evidence = OutOfFold.of(out_of_fold(features, codes, random_state=random_state), codes)
        order = suspicion(evidence)
        doubtful += [
            DoubtfulLabel(int(row), name, bool(codes[row]), float(order[row]))
            for row in find_suspicious(evidence)[0]
        ]
    return sorted(doubtful, key=lambda one: -one.suspicion)
