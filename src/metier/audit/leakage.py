"""Test rows that are also in the training rows: test scores would then measure memory."""

from collections.abc import Iterator

import numpy as np

from metier.audit.finding import MOST_EXAMPLES, Finding, examples_of, positions_of
from metier.data.near_duplicates import can_search_near, near_duplicates_of
from metier.data.rows import Rows
from metier.data.splitting_columns import positions_by_split
from metier.figures import count_of
from metier.text.duplicates import text_keys


def drop_leaks(train: Rows, test: Rows | None = None) -> tuple[Rows, np.ndarray]:
    """Remove training rows whose whole input equals that of a test row after normalisation.

    Without `test`, the test rows of the split column are used. Near duplicates stay: `check_leakage` reports
    them, but real questions are often alike.

    Returns
    -------
    tuple of (Rows, ndarray of int64)
        The rows that stay, and the positions of the removed ones.
    """
    keys = text_keys(train.whole_inputs)
    if test is not None:
        leaked = np.isin(keys, text_keys(test.whole_inputs))
    elif train.roles.split is not None:
        leaked = np.zeros(len(train), dtype=bool)
        parts = positions_by_split(train)
        tested = keys[parts.get("test", np.empty(0, dtype=np.int64))]
        leaked[parts["train"]] = np.isin(keys[parts["train"]], tested)
    else:
        return train, np.empty(0, dtype=np.int64)
    if not leaked.any():
        return train, np.empty(0, dtype=np.int64)
    return train.take(np.flatnonzero(~leaked)), np.flatnonzero(leaked)


def check_leakage(rows: Rows, other: Rows, *, name: str) -> Iterator[Finding]:
    """Find rows of a held-out part that are also in the training rows.

    Parameters
    ----------
    rows : Rows
        The training rows.
    other : Rows
        The held-out rows.
    name : {"test", "validation"}
        Name of the held-out part.
    """
    keys, held_out = text_keys(rows.whole_inputs), text_keys(other.whole_inputs)
    leaked = np.flatnonzero(np.isin(held_out, keys))
    if len(leaked):
        yield _exact(rows, other, leaked, int(np.isin(keys, held_out).sum()), name)
    if rows.roles.question is not None:
        yield from _known_passages(rows, other, name)
    elif can_search_near(rows, other):
        yield from _near(rows, other, set(leaked.tolist()), name)


def _exact(rows: Rows, other: Rows, leaked: np.ndarray, n_train: int, name: str) -> Finding:
    also = "row of {0} also appears" if len(leaked) == 1 else "rows of {0} also appear"
    harm = {
        "test": "test scores would be too high",
        "validation": "every choice would favour memorisation",
    }
    return Finding(
        f"{name}-leakage",
        "error" if name == "test" else "warning",
        f"{len(leaked):,} {also.format(other.origin)} in {rows.origin}: {harm[name]}",
        positions_of(leaked),
        other.origin,
        examples_of(other, leaked.tolist()),
        "--drop-leaks" if name == "test" else "remove them from either file",
        {f"{name}_rows": len(leaked), "train_rows": n_train, "fraction": len(leaked) / len(other)},
    )


def _near(rows: Rows, other: Rows, exact: set[int], name: str) -> Iterator[Finding]:
    ids = near_duplicates_of(rows, other).ids
    in_train = np.unique(ids[: len(rows)])
    near = [
        position
        for position in np.flatnonzero(np.isin(ids[len(rows) :], in_train)).tolist()
        if position not in exact
    ]
    if near:
        first = {int(cluster): index for index, cluster in reversed(list(enumerate(ids[: len(rows)])))}
        texts = rows.texts if rows.has_files else rows.whole_inputs
        yield Finding(
            f"{name}-near-leakage",
            "note",
            f"{count_of(len(near), 'more row')} of {other.origin} nearly "
            f"{'repeats' if len(near) == 1 else 'repeat'} one of {rows.origin}",
            positions_of(near),
            other.origin,
            examples_of(
                other,
                near,
                like=[texts[first[int(ids[len(rows) + position])]] for position in near[:MOST_EXAMPLES]],
            ),
            facts={f"{name}_rows": len(near), "fraction": len(near) / len(other)},
        )


def _known_passages(rows: Rows, other: Rows, name: str) -> Iterator[Finding]:
    """Find questions about passages of the training rows."""
    known = np.flatnonzero(np.isin(text_keys(other.texts), text_keys(rows.texts)))
    if len(known):
        yield Finding(
            f"{name}-known-passages",
            "warning",
            f"{count_of(len(known), 'row')} of {other.origin} {'asks' if len(known) == 1 else 'ask'} about passages "
            f"of {rows.origin}: scores on new passages will be lower",
            positions_of(known),
            other.origin,
            examples_of(other, known.tolist()),
            "keep each passage in one split",
            {f"{name}_rows": len(known), "fraction": len(known) / len(other)},
        )
