"""Label sets and types of spans: labels too rare to learn, or several labels merged into one string."""

from collections import Counter
from collections.abc import Iterator, Sequence

from metier.audit.finding import Finding, examples_of, positions_of
from metier.audit.labels import FEW_ROWS, MOST_NAMED, ROWS_TO_SPLIT, labels_of_rows
from metier.data.columns.label_lists import SEPARATORS, WIDE
from metier.data.rows import Rows
from metier.figures import count_of

_ROLES = {"label": "labels", "type of span": "spans", "relation": "relations"}
MERGED_ROWS = 3  # Fewer may be slips; the check of rare labels reports them.


def check_label_sets(rows: Rows) -> Iterator[Finding]:
    """Find labels or types of spans that few rows have, and sets of labels that were read as one label."""
    if rows.roles.label is not None:
        yield from _merged(rows)
        return
    own = labels_of_rows(rows)
    if own is None:
        return
    noun = "label" if rows.roles.labels is not None else "type of span"
    noun = "relation" if rows.roles.relations is not None else noun
    counts = Counter(label for labels in own for label in set(labels))
    if not counts:
        yield Finding(
            "too-few-labels",
            "error",
            f"no row has a {noun}; there is nothing to learn",
            origin=rows.origin,
            remedy=f"--role {_ROLES[noun]}=COLUMN",
        )
        return
    yield from _rare(rows, own, counts, noun)


def _rare(rows: Rows, own: Sequence[Sequence[str]], counts: Counter[str], noun: str) -> Iterator[Finding]:
    steps = (
        ("rare-labels", 0, ROWS_TO_SPLIT, "too few for every split to have one"),
        ("few-rows", ROWS_TO_SPLIT, FEW_ROWS, "so the model will learn them poorly"),
    )
    for name, least, most, harm in steps:
        rare = Counter({label: count for label, count in counts.items() if least <= count < most})
        if not rare:
            continue
        positions = [row for row, labels in enumerate(own) if any(label in rare for label in labels)]
        smallest = sorted(rare.items(), key=lambda item: (item[1], item[0]))
        listed = ", ".join(f"{label} ({rows_with})" for label, rows_with in smallest[:MOST_NAMED])
        nouns = (
            noun
            if len(rare) == 1
            else noun.replace("label", "labels").replace("type", "types").replace("relation", "relations")
        )
        yield Finding(
            name,
            "warning",
            f"{len(rare):,} {nouns} {'is' if len(rare) == 1 else 'are'} in fewer than {most} rows, {harm}: "
            f"{listed}{'…' if len(rare) > MOST_NAMED else ''}",
            positions_of(positions),
            rows.origin,
            examples_of(rows, positions, has=[", ".join(own[row]) for row in positions]),
            "label more rows of these, or merge them",
            {"labels": dict(smallest)},
        )


def _merged(rows: Rows) -> Iterator[Finding]:
    """Find a single-label column that holds several labels: the pieces are labels of other rows."""
    labels = rows.column("label")
    known = {label for label in labels if label is not None}
    for mark in SEPARATORS:
        positions = [
            row for row, label in enumerate(labels) if label is not None and _is_merged(label, mark, known)
        ]
        if len(positions) < MERGED_ROWS:
            continue
        yield Finding(
            "merged-labels",
            "warning",
            f"{count_of(len(positions), 'row')} have a label that is other labels separated by {mark!r}, such as "
            f"{labels[positions[0]]!r}",
            positions_of(positions),
            rows.origin,
            examples_of(rows, positions),
            f"--role labels={rows.roles.label}",
            {"separator": mark},
        )


def _is_merged(label: str, mark: str, known: set[str]) -> bool:
    pieces = [piece.strip() for piece in label.translate(WIDE).split(mark)]
    return len(pieces) > 1 and all(piece in known for piece in pieces)
