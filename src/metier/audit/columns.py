"""Columns that look wrong: an id taken for a text or a label, a constant, the label written into the text."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.rows import Rows
from metier.data.splitting import tie_of
from metier.errors import MOST_NAMED
from metier.figures import count_of

ID_DISTINCT_FRACTION = 0.98
# Labels of which most are on one row only.
ID_LABEL_FRACTION = 0.5
FEWEST_IDS = 20  # Rows; among fewer each may well have a label of its own.
# A label of one or two letters is in many texts by chance.
LEAKED_LABEL_CHARACTERS = 4
LEAKED_FRACTION = 0.5
MOST_ROWS = 50_000


def check_columns(rows: Rows) -> Iterator[Finding]:
    """Find roles assigned to the wrong column, and columns without information."""
    if len(rows) < 2:
        return
    if rows.has_texts:
        yield from _text_is_id(rows)
        yield from _label_in_text(rows)
    yield from _label_is_id(rows)
    yield from _constant(rows)


def check_separable(rows: Rows) -> Iterator[Finding]:
    """Find rows of which no part can be held out, as all of them stay together."""
    tie = tie_of(rows)
    if tie is not None:
        yield Finding(
            "inseparable-rows",
            "error",
            f"{tie.sentence}, and such rows stay together: no test part can be held out",
            origin=rows.origin,
            remedy=tie.flag or tie.cure,
            facts={"cure": tie.cure},
        )


def _text_is_id(rows: Rows) -> Iterator[Finding]:
    column = rows.table.column(rows.roles.text).drop_null()
    if not len(column):
        return
    wordy = pc.mean(pc.match_substring_regex(column, r"\s|\p{Han}").cast("int8")).as_py()
    lettered = pc.mean(pc.match_substring_regex(column, r"\p{L}").cast("int8")).as_py()
    distinct = pc.count_distinct(column).as_py() / len(column)
    coded = pc.mean(pc.match_substring_regex(column, r"[0-9]").cast("int8")).as_py()
    if wordy < 0.05 and distinct > ID_DISTINCT_FRACTION and (lettered < 0.05 or coded > 0.9):
        yield Finding(
            "text-is-id",
            "error",
            f"the text column {rows.roles.text} holds ids or numbers, not texts",
            positions_of(range(len(rows))),
            rows.origin,
            examples_of(rows, range(3)),
            "--text",
        )


def _label_is_id(rows: Rows) -> Iterator[Finding]:
    sentence = id_labels(rows)
    if sentence is not None:
        yield Finding(
            "label-is-id",
            "error",
            sentence,
            origin=rows.origin,
            examples=examples_of(rows, range(3)),
            remedy="--label",
            facts={"distinct": pc.count_distinct(rows.table.column(rows.roles.label)).as_py()},
        )


def id_labels(rows: Rows, *, more_than: float = ID_LABEL_FRACTION) -> str | None:
    """Say that the labels look like ids, which other columns may hold the labels; None: they do not.

    Parameters
    ----------
    more_than : float
        Share of the rows, 0 to 1; with more different labels than that they look like ids.
    """
    name = rows.roles.label
    labels = pa.chunked_array([], pa.string()) if name is None else rows.table.column(name).drop_null()
    distinct = pc.unique(labels)
    if len(labels) < FEWEST_IDS or len(distinct) <= more_than * len(labels):
        return None
    shown = ", ".join(map(str, distinct[:MOST_NAMED].to_pylist()))
    others = ", ".join(f"{other} ({values} values)" for other, values in _label_columns(rows))
    return (
        f"the label column {name} has {len(distinct):,} different values in {count_of(len(labels), 'row')} "
        f"({shown} and {len(distinct) - MOST_NAMED:,} more), like an id or a free text"
        + (f"; columns that could be labels: {others}" if others else "")
    )


def _label_columns(rows: Rows) -> list[tuple[str, int]]:
    """Columns without a role whose values repeat, with the number of their values, the fewest first."""
    names = [name for name in rows.table.column_names if name not in rows.roles.named.values()]
    columns = {name: rows.table.column(name) for name in names}
    flat = {name: column for name, column in columns.items() if not pa.types.is_nested(column.type)}
    counts = {name: pc.count_distinct(column).as_py() for name, column in flat.items()}
    found = [(name, n) for name, n in counts.items() if 2 <= n <= ID_LABEL_FRACTION * len(rows)]
    return sorted(found, key=lambda one: one[1])[:MOST_NAMED]


def _constant(rows: Rows) -> Iterator[Finding]:
    used = set(rows.roles.named.values())
    constant = [
        name
        for name in rows.table.column_names
        if name not in used
        and not pa.types.is_nested(rows.table.column(name).type)  # Arrow cannot compare lists.
        and pc.count_distinct(rows.table.column(name), mode="all").as_py() == 1
    ]
    if constant:
        yield Finding(
            "constant-columns",
            "note",
            f"{count_of(len(constant), 'column')} {'has' if len(constant) == 1 else 'have'} the same value in "
            "every row: "
            f"{', '.join(constant)}",
            origin=rows.origin,
            facts={"columns": constant},
        )


def _label_in_text(rows: Rows) -> Iterator[Finding]:
    """Find labels whose name is written in their own texts."""
    if rows.roles.label is None:
        return
    sample = rows if len(rows) <= MOST_ROWS else rows.take(np.linspace(0, len(rows) - 1, MOST_ROWS).astype(int))
    labels = sample.column("label")
    leaking = [
        position
        for position, (text, label) in enumerate(zip(sample.texts, labels, strict=True))
        if label is not None and len(label) >= LEAKED_LABEL_CHARACTERS and label.casefold() in text.casefold()
    ]
    if len(leaking) < LEAKED_FRACTION * len(sample):
        return
    yield Finding(
        "label-in-text",
        "warning",
        f"{len(leaking) / len(sample):.0%} of the texts contain the name of their own label: the label may have "
        "leaked into "
        f"{sample.roles.text}",
        positions_of(leaking) if sample is rows else (),
        rows.origin,
        examples_of(sample, leaking),
        "remove it from the texts, unless it will also be there at prediction time",
        {"fraction": len(leaking) / len(sample)},
    )
