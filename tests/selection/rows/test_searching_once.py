"""Near duplicates are searched once, though the audit, the split and the folds of a run all ask for them."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from metier.data import near_duplicates
from metier.image import likeness
from metier.image.likeness import look_at, near_duplicate_pictures
from metier.selection.api import train
from metier.text import duplicates

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture
def searched(monkeypatch):
    """How many texts every search was among."""
    sizes, search = [], duplicates._search

    def counted(texts, *further):
        sizes.append(len(texts))
        return search(texts, *further)

    monkeypatch.setattr(duplicates, "_search", counted)
    monkeypatch.setattr(duplicates, "_NEAR", duplicates.FoundClusters())
    return sizes


def rows_with(splits):
    """Rows of three labels; the split of each is the next of `splits`, which may be none."""
    with (EXAMPLES / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        every = [row for row in csv.DictReader(file) if row["label"] in ("card_arrival", "exchange_rate")]
    rows = [{"text": row["text"], "label": row["label"]} for row in every[:160]]
    for number, row in enumerate(rows if splits else ()):
        row["split"] = splits[number % len(splits)]
    return rows


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ((), {160: 1}),
        # The training rows are examined and split, and compared with the test rows.
        (("train", "train", "train", "test"), {120: 1, 160: 1}),
    ],
)
def test_a_run_searches_each_set_of_rows_once(searched, splits, expected, tmp_path):
    train(rows_with(splits), candidates=["majority", "tfidf_linear"], run=tmp_path / "run")
    folds = Counter(searched) - Counter(expected)
    assert Counter(searched) & Counter(expected) == Counter(expected)
    assert list(folds.values()) == [1]  # Of the training rows that are left, for the answers out of fold.


def test_the_last_searches_are_kept_and_nobody_can_change_them(searched):
    texts = [[f"question {number} of {part}" for number in range(20)] for part in "abcde"]
    first = near_duplicates(texts[0])
    assert near_duplicates(list(texts[0])) is first
    assert near_duplicates(texts[0], threshold=0.9) is not first
    with pytest.raises(ValueError, match="read-only"):
        first.ids[0] = 1
    assert len(searched) == 2
    for each in texts:
        near_duplicates(each)
    again = near_duplicates(texts[0])
    assert len(searched) == 7
    assert np.array_equal(again.ids, first.ids)


def test_pictures_are_compared_once(monkeypatch):
    compared, search = [], likeness._search
    monkeypatch.setattr(likeness, "_search", lambda looks: compared.append(len(looks)) or search(looks))
    monkeypatch.setattr(likeness, "_NEAR", duplicates.FoundClusters())
    looks = [look_at(path) for path in sorted((EXAMPLES / "health_icons").glob("*/*.png"))[:8]]
    first = near_duplicate_pictures(looks)
    assert near_duplicate_pictures(list(looks)) is first
    assert near_duplicate_pictures(looks[1:]) is not first
    assert compared == [8, 7]
