"""Duplicate and near-duplicate rows, and whether their targets agree."""

from collections.abc import Iterator

import numpy as np

from metier.audit.conflicts import check_conflicts
from metier.audit.confusable_labels import check_near_conflicts
from metier.audit.finding import MOST_EXAMPLES, Finding, examples_of, positions_of
from metier.data.near_duplicates import MOST_IMAGES, MOST_TEXTS, can_search_near, near_duplicates_of
from metier.data.rows import Rows
from metier.tasks.inputs import TEXT, input_of_rows
from metier.text.duplicates import Clusters, exact_duplicates


def check_repetition(rows: Rows) -> Iterator[Finding]:
    """Find duplicates, near duplicates, and equal inputs with different targets."""
    exact = exact_duplicates(input_of_rows(rows).same_as(rows))
    if exact.n_repeats:
        repeats = "row repeats" if exact.n_repeats == 1 else "rows repeat"
        is_text = input_of_rows(rows) is TEXT and not rows.has_unheard
        what = "the text of an earlier row" if is_text else "the input of an earlier row"
        sentence = f"{exact.n_repeats:,} {repeats} {what}; splits keep duplicates together"
        yield _repeats(rows, exact.groups(), check="duplicates", sentence=sentence)
    if not can_search_near(rows):
        most = MOST_TEXTS if rows.has_texts else MOST_IMAGES
        yield Finding(
            "near-duplicates",
            "note",
            f"near duplicates were not searched for in more than {most:,} rows",
            origin=rows.origin,
        )
    elif rows.roles.question is None:
        # Questions about one passage share most of their text without being duplicates.
        yield from _near(rows, exact)
    yield from check_conflicts(rows, exact)


def _near(rows: Rows, exact: Clusters) -> Iterator[Finding]:
    if rows.roles.head is not None:  # The same holds for relations of one sentence.
        exact = exact_duplicates(rows.whole_inputs)
    near = near_duplicates_of(rows)
    yield from check_near_conflicts(rows, near, exact)
    more = near.n_repeats - exact.n_repeats
    if more == 0:
        return
    # One of each text: exact duplicates are reported above.
    groups = [group[exact.ids[group] == group] for group in near.groups()]
    repeats = "more row nearly repeats" if more == 1 else "more rows nearly repeat"
    yield _repeats(
        rows,
        [group for group in groups if len(group) > 1],
        check="near-duplicates",
        sentence=f"{more:,} {repeats} an earlier one; splits keep duplicates together",
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
