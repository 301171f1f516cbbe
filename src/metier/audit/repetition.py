"""Texts that stand in the rows more than once, exactly or nearly, and what their labels say."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from metier.audit.finding import MOST_EXAMPLES, Finding, count_of, examples_of, positions_of
from metier.data.duplicates import Clusters, exact_duplicates, near_duplicates
from metier.data.rows import Rows

# Past this many rows only exact duplicates are searched for.
MOST_ROWS_FOR_NEAR = 500_000


def check_repetition(rows: Rows) -> Iterator[Finding]:
    """Find duplicates, near duplicates, and equal texts with different labels."""
    exact = exact_duplicates(rows.texts)
    if exact.n_repeats:
        repeats = "row repeats" if exact.n_repeats == 1 else "rows repeat"
        sentence = f"{exact.n_repeats:,} {repeats} the text of an earlier row; splits keep them on one side"
        yield _repeats(rows, exact.groups(), check="duplicates", sentence=sentence)
    if len(rows) > MOST_ROWS_FOR_NEAR:
        yield Finding(
            "near-duplicates",
            "note",
            f"near duplicates were not searched for in more than {MOST_ROWS_FOR_NEAR:,} rows",
            origin=rows.origin,
        )
    else:
        yield from _near(rows, exact)
    yield from _conflicts(rows, exact)


def _near(rows: Rows, exact: Clusters) -> Iterator[Finding]:
    near = near_duplicates(rows.texts)
    more = near.n_repeats - exact.n_repeats
    if more == 0:
        return
    # One of each text: equal ones were told already.
    groups = [group[exact.ids[group] == group] for group in near.groups()]
    repeats = "more row nearly repeats" if more == 1 else "more rows nearly repeat"
    yield _repeats(
        rows,
        [group for group in groups if len(group) > 1],
        check="near-duplicates",
        sentence=f"{more:,} {repeats} an earlier one; splits keep them on one side",
    )


def _repeats(rows: Rows, groups: list[np.ndarray], *, check: str, sentence: str) -> Finding:
    repeated = np.sort(np.concatenate([group[1:] for group in groups]))
    largest = sorted(groups, key=len, reverse=True)
    shown = [(number, int(position)) for number, group in enumerate(largest, 1) for position in group]
    shown = shown[:MOST_EXAMPLES]
    return Finding(
        check,
        "note",
        sentence,
        positions_of(repeated),
        rows.origin,
        examples_of(rows, [position for _, position in shown], group=[number for number, _ in shown]),
        facts={"rows": len(repeated), "groups": len(groups), "largest_group": len(largest[0])},
    )


def _conflicts(rows: Rows, exact: Clusters) -> Iterator[Finding]:
    if rows.roles.label is None:
        return
    labels = rows.column("label")
    groups = []
    for group in exact.groups():
        given = {labels[position] for position in group.tolist() if labels[position] is not None}
        if len(given) > 1:
            groups.append(group)
    if not groups:
        return
    positions = [int(position) for group in groups for position in group]
    texts = len(groups)
    pairs = Counter(
        tuple(sorted({str(labels[position]) for position in group.tolist()}))[:2] for group in groups
    )
    yield Finding(
        "conflicting-labels",
        "warning",
        f"{count_of(texts, 'text')} {'stands' if texts == 1 else 'stand'} under different labels "
        f"({count_of(len(positions), 'row')})",
        positions_of(positions),
        rows.origin,
        examples_of(rows, positions),
        "give each text one label",
        {
            "texts": texts,
            "pairs": [{"labels": list(pair), "texts": count} for pair, count in pairs.most_common(10)],
        },
    )
