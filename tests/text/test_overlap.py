"""Overlap of two texts, against values by hand and a plain edit distance."""

import csv
import itertools
from pathlib import Path

import pytest

from metier.text.overlap import (
    containment,
    edit_similarity,
    jaccard,
    length_ratio,
    negations_agree,
    numbers_agree,
)

BANKING = Path(__file__).parents[2] / "examples" / "banking77" / "test.csv"


def plain_distance(one, other):
    """The dynamic programming table, cell by cell."""
    before = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
        before = row
    return before[-1]


@pytest.fixture(scope="module")
def texts():
    with BANKING.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in itertools.islice(csv.DictReader(file), 0, 600, 50)] + ["", "我的卡丢了"]


def test_edit_distance_agrees_with_dynamic_programming(texts):
    for one, other in itertools.product(texts, texts):
        longest = max(len(one), len(other))
        expected = 1 - plain_distance(one, other) / longest if longest else 1.0
        assert edit_similarity(one, other) == pytest.approx(expected)


def test_edit_distance_of_long_texts_is_that_of_their_beginnings():
    book = "a page of text " * 40_000
    assert edit_similarity(book, book + "more") == 1.0


def test_shares_by_hand():
    assert jaccard(["my", "card"], ["my", "pin"]) == pytest.approx(1 / 3)
    assert containment(["my", "card"], ["my", "card", "is", "lost"]) == 1.0
    assert containment([], ["card"]) == 0.0
    assert jaccard([], []) == 1.0
    assert length_ratio("abc", "abcdef") == 0.5


def test_numbers():
    assert numbers_agree("pay 20 by 3.5", "3.5 and 20") == 1.0
    assert numbers_agree("pay 20", "pay 30") == 0.0
    assert numbers_agree("pay", "pay 30") == 0.0
    assert numbers_agree("pay", "card") == 1.0


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("it works", "it doesn't work", 0.0),
        ("it is not lost", "I never lost it", 1.0),
        ("I can’t pay", "I can pay", 0.0),
        ("卡丢了", "卡没丢", 0.0),
        ("i notice it", "i see it", 1.0),
    ],
)
def test_negations(one, other, agree):
    assert negations_agree(one, other) == negations_agree(other, one) == agree
