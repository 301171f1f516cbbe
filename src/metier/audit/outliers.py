"""Rows unlike all others: hardly a word of theirs is in any other row, where the words of most rows are."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.rows import Rows
from metier.figures import count_of
from metier.text import segment

MOST_ROWS = 50_000
FEWEST_WORDS = 5  # Different ones; of fewer, all may be rare by chance.
USUAL_SHARE = 0.75  # Of the words of the median row must be in other rows.
OUTLIER_SHARE = 0.25
MOST_CHARACTERS = 5_000


def check_outliers(rows: Rows) -> Iterator[Finding]:
    """Find rows of whose different words at most a quarter is in any other row; rows with fewer words stay out."""
    if not rows.has_texts or len(rows) > MOST_ROWS:
        return
    words = [{word.lower() for word in segment(text[:MOST_CHARACTERS])} for text in rows.texts]
    in_rows = Counter(word for own in words for word in own)
    counted = [row for row, own in enumerate(words) if len(own) >= FEWEST_WORDS]
    if not counted:
        return
    shared = np.array([sum(in_rows[word] > 1 for word in words[row]) / len(words[row]) for row in counted])
    alone = np.flatnonzero(shared <= OUTLIER_SHARE)
    if np.median(shared) < USUAL_SHARE or not len(alone):
        return
    alone = alone[np.argsort(shared[alone], kind="stable")]
    positions = [counted[place] for place in alone.tolist()]
    yield Finding(
        "outliers",
        "note",
        f"{count_of(len(positions), 'text')} {'is' if len(positions) == 1 else 'are'} unlike all others: hardly a word of "
        f"{'it' if len(positions) == 1 else 'theirs'} is in another row",
        positions_of(positions),
        rows.origin,
        examples_of(rows, positions, shared=[f"{share:.0%}" for share in shared[alone]]),
        "look whether they belong here: another language, another source, noise",
        {
            "rule": f"at most {OUTLIER_SHARE:.0%} of the different words, of {FEWEST_WORDS} or more, are in another row, "
            f"while of the median row at least {USUAL_SHARE:.0%} are"
        },
    )
