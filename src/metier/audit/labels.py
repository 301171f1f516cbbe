"""Checks of labels: missing, rare, unbalanced, spelt in two ways, or only in the test rows."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from metier.audit.columns import id_labels
from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.columns.spans import decode
from metier.data.rows import Rows
from metier.figures import count_of
from metier.tasks.answers import ANSWERS
from metier.tasks.classification import DROWNING_FRACTION

FEW_ROWS = 40  # With fewer rows per label every measured method learned the label poorly.
ROWS_TO_SPLIT = 3
IMBALANCE = 20  # The most frequent label has this many times the rows of the rarest.
MOST_NAMED = 5


def check_labels(rows: Rows) -> Iterator[Finding]:
    """Check the labels of the training rows."""
    if rows.roles.label is None:
        return
    labels = rows.column("label")
    yield from check_missing(rows, labels, "label")
    yield from _lists(rows, labels)
    counts = Counter(label for label in labels if label is not None)
    if len(counts) < 2:
        yield _too_few(rows, counts)
        return
    if id_labels(rows) is not None:
        return  # Said once: each of them is rare.
    yield from _rare(rows, labels, counts)
    yield from _imbalance(rows, counts)
    yield from _spellings(rows, labels, counts)


def _lists(rows: Rows, labels: Sequence[str | None]) -> Iterator[Finding]:
    """Find lists that were named as the label: each list, written out, would be one label."""
    lists = [
        position
        for position, label in enumerate(labels)
        if label is not None and isinstance(decode(label), list)
    ]
    if lists:
        yield Finding(
            "label-lists",
            "warning",
            f"{count_of(len(lists), 'row')} {'has' if len(lists) == 1 else 'have'} a list as the label, such as "
            f"{labels[lists[0]]}: each list is taken for one label; to learn what is in them, name the role labels",
            positions_of(lists),
            rows.origin,
            examples_of(rows, lists),
            f"--role labels={rows.roles.label}",
        )


def check_unknown_labels(rows: Rows, other: Rows, *, name: str) -> Iterator[Finding]:
    """Find labels of a held-out part that are not in the training rows, and training labels it does not have."""
    own, held_out = labels_of_rows(rows), labels_of_rows(other)
    if own is None or held_out is None:
        return
    known = {label for labels in own for label in labels}
    unknown = [row for row, labels in enumerate(held_out) if any(label not in known for label in labels)]
    if unknown:
        have = "has" if len(unknown) == 1 else "have"
        names = Counter(label for row in unknown for label in held_out[row] if label not in known)
        yield Finding(
            f"{name}-unknown-labels",
            "error",
            f"{count_of(len(unknown), 'row')} of {other.origin} {have} labels that are not in {rows.origin}: "
            f"{_named(names)}",
            positions_of(unknown),
            other.origin,
            examples_of(other, unknown),
            "add training rows with these labels, or fix the spelling",
            {"labels": dict(names)},
        )
    absent = sorted(known - {label for labels in held_out for label in labels})
    if absent:
        yield Finding(
            f"{name}-absent-labels",
            "note",
            f"{count_of(len(absent), 'label')} of {rows.origin} "
            f"{'is' if len(absent) == 1 else 'are'} not in "
            f"{other.origin}: {', '.join(absent[:MOST_NAMED])}{'…' if len(absent) > MOST_NAMED else ''}",
            origin=other.origin,
            facts={"labels": absent},
        )


def _named(counts: Counter[str]) -> str:
    shown = ", ".join(f"{label} ({rows:,})" for label, rows in counts.most_common(MOST_NAMED))
    return shown + ("…" if len(counts) > MOST_NAMED else "")


def check_missing(rows: Rows, values: Sequence[Any], noun: str) -> Iterator[Finding]:
    """Find rows without a value of what is to be learned, by its name in a sentence."""
    missing = [position for position, value in enumerate(values) if value is None]
    if missing:
        have = "has" if len(missing) == 1 else "have"
        yield Finding(
            "missing-labels",
            "error",
            f"{count_of(len(missing), 'row')} of {len(rows):,} {have} no {noun}",
            positions_of(missing),
            rows.origin,
            examples_of(rows, missing),
            "--drop-unlabelled",
            {"fraction": len(missing) / len(rows)},
        )


def _too_few(rows: Rows, counts: Counter[str]) -> Finding:
    found = f"every row has the label {next(iter(counts))!r}" if counts else "no row has a label"
    return Finding(
        "too-few-labels",
        "error",
        f"{found}; at least two different labels are needed",
        origin=rows.origin,
        remedy="--label",
        facts={"labels": dict(counts)},
    )


def _rare(rows: Rows, labels: Sequence[str | None], counts: Counter[str]) -> Iterator[Finding]:
    unsplittable = {label: count for label, count in counts.items() if count < ROWS_TO_SPLIT}
    if unsplittable:
        positions = [position for position, label in enumerate(labels) if label in unsplittable]
        have = "has" if len(unsplittable) == 1 else "have"
        yield Finding(
            "rare-labels",
            "warning",
            f"{count_of(len(unsplittable), 'label')} {have} fewer than {ROWS_TO_SPLIT} rows, too few for "
            "every "
            f"split to have one: {_named(Counter(unsplittable))}",
            positions_of(positions),
            rows.origin,
            examples_of(rows, positions),
            "--drop-rare" if len(counts) - len(unsplittable) > 1 else "label more rows of these",
            {"labels": unsplittable},
        )
    few = {label: count for label, count in counts.items() if ROWS_TO_SPLIT <= count < FEW_ROWS}
    if few:
        smallest = min(few, key=lambda label: (few[label], label))
        have = "has" if len(few) == 1 else "have"
        tail = (
            f"; the smallest, {smallest}, has {few[smallest]}"
            if len(few) > 1
            else f": {smallest}, {few[smallest]}"
        )
        positions = [position for position, label in enumerate(labels) if label in few]
        yield Finding(
            "few-rows",
            "warning",
            f"{count_of(len(few), 'label')} {have} fewer than {FEW_ROWS} rows{tail}",
            positions_of(positions),
            rows.origin,
            remedy="label more rows of these",
            facts={"labels": dict(sorted(few.items(), key=lambda item: item[1]))},
        )


def _imbalance(rows: Rows, counts: Counter[str]) -> Iterator[Finding]:
    (common, most), (rare, least) = counts.most_common()[0], counts.most_common()[-1]
    share = most / sum(counts.values())
    if share <= DROWNING_FRACTION and most < IMBALANCE * least:
        return
    advice = (
        "; candidates are ranked by macro-F1, as accuracy would hide rare labels"
        if share > DROWNING_FRACTION
        else ""
    )
    yield Finding(
        "imbalance",
        "note",
        f"{common} has {share:.0%} of the rows, {most / least:,.0f} times as many as {rare}{advice}",
        origin=rows.origin,
        facts={"largest": common, "largest_fraction": share, "ratio": most / least},
    )


def _spellings(rows: Rows, labels: Sequence[str | None], counts: Counter[str]) -> Iterator[Finding]:
    families: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        families[re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", label).casefold()) or label].append(label)
    alike = [
        sorted(family, key=lambda label: -counts[label]) for family in families.values() if len(family) > 1
    ]
    if not alike:
        return
    rarer = {label for family in alike for label in family[1:]}
    positions = np.flatnonzero([label in rarer for label in labels])
    shown = "; ".join(" and ".join(map(repr, family)) for family in alike[:MOST_NAMED])
    yield Finding(
        "label-spellings",
        "warning",
        f"{count_of(len(alike), 'label')} {'is' if len(alike) == 1 else 'are'} spelt in more than one way: "
        f"{shown}",
        positions_of(positions),
        rows.origin,
        examples_of(rows, positions.tolist()),
        "write each label in one way",
        {"families": alike},
    )


def labels_of_rows(rows: Rows) -> list[list[str]] | None:
    """Give the labels of each row: its label, its label set, or the types of its spans; None without such a column.

    An unlabelled row has an empty list.
    """
    for kind in ANSWERS.values():
        if kind.has_labels and kind.role in rows.roles.named:
            return [kind.row_labels(value) for value in rows.column(kind.role)]
    return None
