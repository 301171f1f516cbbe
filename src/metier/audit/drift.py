"""Drift: words and labels whose shares differ between train and a held-out part, or between early and late rows.

Each word, and each label, is compared by a chi-squared test with one degree of freedom [1]_, corrected for how many
there are by Holm's step-down. With many rows the smallest difference is significant, so it must be noticeable, too.

References
----------
.. [1] Pearson, "On the criterion that a given system of deviations", 1900.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from metier.audit.finding import Finding
from metier.audit.labels import labels_of_rows
from metier.data.rows import Rows
from metier.evaluation.many_comparisons import holm
from metier.figures import count_of
from metier.text import segment

FEWEST_ROWS = 50  # On either side.
FEWEST_WITH_WORD = 10
SIGNIFICANT = 0.01
NOTICEABLE = 0.02  # Difference of the shares of rows with a word.
NOTICEABLE_RATIO = 1.5
NOTICEABLE_LABEL = 0.05
MOST_ROWS = 20_000  # Of each side: an even sample of more.
MOST_NAMED = 5


@dataclass(frozen=True)
class Shift:
    """A word or a label whose share of the rows differs: before and after, 0 to 1, and the p-value after correction."""

    name: str
    before: float
    after: float
    p_value: float


def check_drift(rows: Rows, other: Rows, *, name: str) -> Iterator[Finding]:
    """Find words and labels that a held-out part has more or less often than the training rows."""
    yield from _shifted(rows, other, f"{name}-drift", f"between {rows.origin} and {other.origin}", other.origin)


def check_drift_in_time(rows: Rows) -> Iterator[Finding]:
    """Find words and labels that the later third of the rows has more or less often than the first."""
    if rows.roles.time is None:
        return
    times = rows.column("time")
    known = [row for row, time in enumerate(times) if time is not None]
    known.sort(key=lambda row: str(times[row]))
    third = len(known) // 3
    early, late = rows.take(known[:third]), rows.take(known[len(known) - third :])
    where = f"between the first and the last third by {rows.roles.time}"
    yield from _shifted(early, late, "drift-in-time", where, rows.origin)


def _shifted(before: Rows, after: Rows, check: str, where: str, origin: str) -> Iterator[Finding]:
    if min(len(before), len(after)) < FEWEST_ROWS or not (before.has_texts and after.has_texts):
        return
    words = shifts(words_of(before), words_of(after), least=NOTICEABLE, ratio=NOTICEABLE_RATIO)
    own, others = labels_of_rows(before), labels_of_rows(after)
    labels = [] if own is None or others is None else shifts(own, others, least=NOTICEABLE_LABEL, ratio=1.0)
    rule = (
        f"chi-squared test of each, p below {SIGNIFICANT} after Holm's correction; shares of rows with a word differ by "
        f"{NOTICEABLE:.0%} and {NOTICEABLE_RATIO} times, those of a label by {NOTICEABLE_LABEL:.0%}"
    )
    facts = {"rule": rule, "words": [vars(one) for one in words[:100]], "labels": [vars(one) for one in labels]}
    if words:
        yield Finding(
            check,
            "note",
            f"{count_of(len(words), 'word')} {'is' if len(words) == 1 else 'are'} more or less frequent {where}: "
            f"{_named(words)}",
            origin=origin,
            remedy="train on rows like those that will be answered",
            facts=facts,
        )
    if labels:
        yield Finding(
            check,
            "note",
            f"{count_of(len(labels), 'label')} {'is' if len(labels) == 1 else 'are'} more or less frequent {where}: "
            f"{_named(labels)}",
            origin=origin,
            remedy="train on rows like those that will be answered",
            facts=facts,
        )


def _named(found: Sequence[Shift]) -> str:
    shown = ", ".join(f"{one.name} {one.before:.1%} → {one.after:.1%}" for one in found[:MOST_NAMED])
    return shown + ("…" if len(found) > MOST_NAMED else "")


def words_of(rows: Rows) -> Iterator[list[str]]:
    """Give the words of each row; of many rows those of some, evenly spaced."""
    step = -(-len(rows) // MOST_ROWS) or 1
    return (segment(text) for position, text in enumerate(rows.texts) if position % step == 0)


def shifts(
    before: Iterable[Iterable[str]], after: Iterable[Iterable[str]], *, least: float, ratio: float
) -> list[Shift]:
    """Give the names whose shares of two sets of rows differ noticeably and not by chance, the largest difference first.

    Parameters
    ----------
    before, after : iterable of iterable of str
        What each row has: its words, or its labels.
    least : float
        Smallest difference of the shares, 0 to 1.
    ratio : float
        How many times as large the larger share must be.
    """
    (own, n_own), (others, n_others) = _counted(before), _counted(after)
    names = sorted(name for name in {*own, *others} if own[name] + others[name] >= FEWEST_WITH_WORD)
    if not names or not n_own or not n_others:
        return []
    first = np.array([own[name] for name in names], dtype=np.float64)
    second = np.array([others[name] for name in names], dtype=np.float64)
    together = (first + second) / (n_own + n_others)
    spread = together * (1 - together) * (1 / n_own + 1 / n_others)
    shares = np.stack([first / n_own, second / n_others])
    squared = np.divide((shares[0] - shares[1]) ** 2, spread, out=np.zeros(len(names)), where=spread > 0)
    p_values = holm(chdtrc(1, squared).tolist())
    found = [
        Shift(name, float(low), float(high), p_value)
        for name, low, high, p_value in zip(names, *shares, p_values, strict=True)
        if p_value < SIGNIFICANT and abs(low - high) >= least and max(low, high) >= ratio * min(low, high)
    ]
    return sorted(found, key=lambda one: -abs(one.before - one.after))


def _counted(rows: Iterable[Iterable[str]]) -> tuple[Counter[str], int]:
    counts, n_rows = Counter[str](), 0
    for row in rows:
        counts.update(set(row))
        n_rows += 1
    return counts, n_rows
