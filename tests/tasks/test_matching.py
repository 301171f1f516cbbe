"""Pairs with both sides, the label that means a match, and what is said of a pair that lacks one."""

import numpy as np
import pytest

from metier.errors import DataError, EmptyDataError, MissingSideError, TooFewLabelsError
from metier.tasks.inputs.pair import Pair, as_items, as_pairs
from metier.tasks.text_pair import TextPair, find_match_label

GOOD = {"text": "my card", "text_pair": "a card"}


def test_pairs_come_as_mappings_or_as_two_texts():
    expected = [Pair("my card", "a card")]
    assert (
        as_pairs([GOOD]) == as_pairs([("my card", "a card")]) == as_pairs([["my card", "a card"]]) == expected
    )
    assert as_pairs(np.array([["my card", "a card"]], dtype=object)[:, :].tolist()) == expected
    assert as_pairs(as_items(expected)) == expected


@pytest.mark.parametrize("missing", [None, "", "  \n"])
@pytest.mark.parametrize("side", ["text", "text_pair"])
def test_a_missing_side_is_refused_with_its_row(missing, side):
    with pytest.raises(MissingSideError, match=rf"row 3 of faq.csv.*{side}"):
        as_pairs([GOOD, GOOD, GOOD | {side: missing}], origin="faq.csv")


def test_a_key_that_is_not_there_is_a_missing_side():
    with pytest.raises(MissingSideError, match="row 1 of these pairs"):
        as_pairs([{"text": "my card"}])


@pytest.mark.parametrize("wrong", [["one text"], [("a", "b", "c")], [7]])
def test_what_is_no_pair_is_said(wrong):
    with pytest.raises(TypeError, match="position 0"):
        as_pairs(wrong)
    with pytest.raises(TypeError, match="Put it in a list"):
        as_pairs(GOOD)
    with pytest.raises(EmptyDataError):
        as_pairs([])


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (("0", "1"), "1"),
        (("Duplicate", "other"), "Duplicate"),
        (("contradiction", "entailment", "neutral"), "entailment"),
        (("a", "b"), None),
    ],
)
def test_which_label_means_a_match(labels, match):
    assert find_match_label(labels) == match
    assert TextPair.from_labels(list(labels) * 3).match_label == match


def test_a_stated_match_must_be_a_label():
    assert find_match_label(("a", "b"), stated="b") == "b"
    with pytest.raises(DataError, match=r"'c'.*'a', 'b'"):
        find_match_label(("a", "b"), stated="c")


def test_one_label_is_no_task():
    with pytest.raises(TooFewLabelsError):
        TextPair.from_labels(["1", "1"])
