"""Rows that cannot be learned are counted and said; those that must not be are refused."""

import numpy as np
import pytest

from metier.continual.update.update_rows import Known, LabelledTexts, checked_rows
from metier.errors import EmptyDataError, LeakageError, UnknownLabelError
from metier.text.duplicates import text_keys

ROWS = [
    ("where is my card", "card"),
    ("Where is my card?", "card"),  # 2: repeats
    ("the rate today", "rate"),  # 3 and 4: contradict one another
    ("the rate today", "fee"),
    ("  ", "card"),
    ("no label here", ""),
    ("known before", "card"),
    ("known otherwise", "card"),
    ("a lost pin", "pin"),
    ("asked in the test", "fee"),
]


def texts(rows):
    return LabelledTexts(*zip(*rows, strict=True), (None,) * len(rows))


def checked(rows=ROWS, *, accepts_new=True, drop_leaks=True):
    keys = dict(zip(text_keys(["known before", "known otherwise"]).tolist(), ["card", "rate"], strict=True))
    known = Known(["card", "rate", "fee"], keys, text_keys(["asked in the test"]))
    return checked_rows(texts(rows), known, origin="may.csv", accepts_new=accepts_new, drop_leaks=drop_leaks)


def test_every_row_is_learned_or_counted():
    found = checked()
    assert found.rows.texts == ("where is my card", "known otherwise", "a lost pin")
    assert found.new_labels == ("pin",)
    assert found.left_out == {
        "without_text": 1, "without_label": 1, "in_test": 1, "conflicting": 2, "repeated": 1, "already_known": 1,
    }  # fmt: skip
    assert len(found.rows) + sum(found.left_out.values()) == len(ROWS)
    assert "corrected the label of 1 row learned before" in found.notes


def test_unknown_labels_and_rows_of_test_are_refused_with_the_cure():
    with pytest.raises(UnknownLabelError, match=r"1 of 10 rows.*'pin'.*row 9.*--new-labels"):
        checked(accepts_new=False)
    with pytest.raises(LeakageError, match=r"1 of 10 rows.*row 10.*--drop-leaks"):
        checked(drop_leaks=False)
    with pytest.raises(EmptyDataError, match="2 without text"):
        checked([("", "card"), ("", "rate")])


def test_no_test_rows_leak_nothing():
    found = checked_rows(
        texts([("new", "card")]),
        Known(["card"], {}, np.empty(0, np.uint64)),
        origin="x",
        accepts_new=False,
        drop_leaks=False,
    )
    assert len(found.rows) == 1


@pytest.mark.parametrize(("one", "other"), [("Card", "card"), ("ｃａｒｄ", "card"), ("Pin", "pin")])
def test_a_new_label_that_is_another_but_for_case_or_width_is_refused(one, other):
    with pytest.raises(UnknownLabelError, match=f"new label '{one}' in row 2 differs from '{other}'"):
        checked([("a first row", other), ("a second row", one)])


def test_a_label_of_great_length_is_not_repeated():
    with pytest.raises(UnknownLabelError) as told:
        checked([("a row", "L" * 100_000)], accepts_new=False)
    assert len(str(told.value)) < 600
