"""Folds of rows: each row is held out once, and nothing that resembles it is trained on meanwhile."""

import numpy as np
import pytest

from metier.data import read
from metier.data.folding import folds_of

WORDS = ("card", "rate", "lost", "transfer", "fee")


def rows_of(n_rows, **columns):
    """Rows whose texts have no near duplicates; every third one has the rare label."""
    rng = np.random.default_rng(0)
    texts = [
        " ".join(rng.permutation([f"{word}{rng.integers(1_000)}" for word in WORDS])) for _ in range(n_rows)
    ]
    made = {"text": texts, "label": ["rare" if row % 3 == 0 else "often" for row in range(n_rows)]} | columns
    return [dict(zip(made, values, strict=True)) for values in zip(*made.values(), strict=True)]


def test_every_row_is_held_out_once_and_each_fold_has_its_share_of_the_labels():
    rows = read(rows_of(60))
    folds = folds_of(rows, 4, random_state=0)
    assert sorted(np.concatenate([fold.held for fold in folds])) == list(range(60))
    for fold in folds:
        assert not np.intersect1d(fold.kept, fold.held).size
        assert len(fold.kept) + len(fold.held) == 60
        assert [rows.labels[row] for row in fold.held].count("rare") == 5


def test_rows_of_one_group_are_held_out_together():
    customers = [f"c{row % 15}" for row in range(60)]
    rows = read(rows_of(60, customer=customers), group="customer")
    for fold in folds_of(rows, 4, random_state=0):
        assert not {customers[row] for row in fold.kept} & {customers[row] for row in fold.held}


def test_duplicates_are_held_out_together():
    made = rows_of(40)
    rows = read([*made, *made[:10]])
    for fold in folds_of(rows, 4, random_state=0):
        assert not {rows.texts[row] for row in fold.kept.tolist()} & {
            rows.texts[row] for row in fold.held.tolist()
        }


def test_nothing_later_is_trained_on_where_rows_have_a_time():
    days = np.random.default_rng(1).permutation(60)
    rows = read(rows_of(60, day=[int(day) for day in days]), time="day")
    folds = folds_of(rows, 4, random_state=0)
    assert [len(fold.held) for fold in folds] == [8, 8, 7, 7]
    for fold in folds:
        assert days[fold.kept].max() < days[fold.held].min()


def test_the_same_day_is_on_one_side():
    rows = read(rows_of(60, day=[row // 6 for row in range(60)]), time="day")
    for fold in folds_of(rows, 4, random_state=0):
        assert not {row // 6 for row in fold.kept} & {row // 6 for row in fold.held}


@pytest.mark.parametrize("n_rows", [4, 6])
def test_few_rows_leave_no_empty_fold(n_rows):
    for fold in folds_of(read(rows_of(n_rows)), 4, random_state=0):
        assert len(fold.held)
        assert len(fold.kept)
