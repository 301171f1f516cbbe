import numpy as np
import pytest

from metier.audit import drop_leaks
from metier.audit.leakage import check_leakage
from metier.data import read
from metier.text import normalise

TRAIN = [("Where is my card?", "a"), ("my pin is blocked now", "b"), ("exchange rates today please", "b")]
TEST = [("where is my  card", "a"), ("something new altogether", "b")]


def test_a_test_text_in_the_training_rows_is_an_error():
    (finding,) = check_leakage(read(TRAIN), read(TEST), name="test")
    assert (finding.check, finding.severity, finding.rows) == ("test-leakage", "error", (0,))
    assert finding.remedy == "--drop-leaks"
    assert finding.examples[0]["row"] == 1
    assert finding.facts["fraction"] == 0.5


def test_validation_leakage_is_a_warning():
    (finding,) = check_leakage(read(TRAIN), read(TEST), name="validation")
    assert finding.severity == "warning"


def test_different_rows_are_not_a_leak():
    assert list(check_leakage(read(TRAIN), read([("nothing of this kind", "a")]), name="test")) == []


def test_a_near_duplicate_is_a_note_with_both_texts():
    train = read([("I still have not received my new card, I ordered over a week ago.", "a"), ("x y z", "b")])
    test = read([("I still have not received my new card, I ordered it over a week ago!", "a")])
    (finding,) = check_leakage(train, test, name="test")
    assert (finding.check, finding.severity) == ("test-near-leakage", "note")
    assert finding.examples[0]["like"] == train.texts[0]


def test_drop_leaks_removes_training_rows_and_gives_their_positions():
    kept, dropped = drop_leaks(read(TRAIN), read(TEST))
    assert list(kept.texts) == [text for text, _ in TRAIN[1:]]
    assert dropped.tolist() == [0]
    again, none = drop_leaks(kept, read(TEST))
    assert again is kept
    assert len(none) == 0


def test_drop_leaks_with_a_split_column_keeps_the_test_rows():
    source = [{"text": t, "label": label, "split": "train"} for t, label in TRAIN]
    source += [{"text": t, "label": label, "split": "test"} for t, label in TEST]
    kept, dropped = drop_leaks(read(source))
    assert dropped.tolist() == [0]
    assert kept.column("split") == ["train", "train", "test", "test"]


def test_the_leak_of_banking77_as_counted_independently(banking, banking_test):
    """After normalisation, 26 of banking77's published test texts are also in its training file."""
    known = {normalise(text) for text in banking.texts}
    expected = [row for row, text in enumerate(banking_test.texts) if normalise(text) in known]
    finding = next(check_leakage(banking, banking_test, name="test"))
    assert finding.check == "test-leakage"
    assert list(finding.rows) == expected
    assert len(expected) == 26
    kept, dropped = drop_leaks(banking, banking_test)
    assert len(kept) + len(dropped) == len(banking)
    assert not known_texts(kept) & known_texts(banking_test)


def known_texts(rows):
    return {normalise(text) for text in rows.texts}


@pytest.mark.parametrize("n", [1, 5])
def test_copies_added_to_real_rows_are_all_found(banking, titles, n):
    for rows in (banking, titles):
        train, test = rows.take(np.arange(500)), rows.take(np.arange(500 - n, 700))
        found = next(check_leakage(train, test, name="test"))
        assert set(range(n)) <= set(found.rows)
