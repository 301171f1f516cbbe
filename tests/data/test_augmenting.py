"""Augmented rows: their targets, their offsets, and no leak between splits."""

from pathlib import Path

import numpy as np
import pytest

from metier.data import read
from metier.errors import CallError
from metier.selection.rows.augmented_rows import NEAR_COPY, augment_rows, check_augmentable
from metier.text.augmentation import build_way, parse_augmentations
from metier.text.duplicates import near_duplicates
from metier.text.offsets import Edit

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def ways(written):
    return [(asked, build_way(asked, synonyms={})) for asked in parse_augmentations(written)]


@pytest.mark.parametrize("source", ["banking77/train.csv", "csl_category_zh/train.csv"])
def test_labels_are_kept_and_near_duplicates_dropped(source):
    rows = read(EXAMPLES / source).take(range(0, 400, 4))
    made = augment_rows(rows, ways("eda:0.2*2,keyboard,homophone"))
    assert made.rows.table.slice(0, 100).equals(rows.table)
    assert made.n_made > 100
    assert len(made.rows) == 100 + made.n_made
    assert made.rows.labels[100:] == [rows.labels[source] for source in made.sources]
    clusters = near_duplicates(list(made.rows.texts), threshold=NEAR_COPY)
    assert (clusters.ids[100:] >= 100).all()
    assert len(np.unique(clusters.ids[100:])) == made.n_made
    assert augment_rows(rows, ways("eda:0.2*2,keyboard,homophone")).rows.fingerprint == made.rows.fingerprint


def test_near_duplicates_of_rows_of_another_split_are_dropped():
    train = read([("my card is lost", "lost"), ("my pin is wrong", "pin")])
    test = read([("my card was stolen", "lost"), ("where is it", "pin")])
    asked = parse_augmentations("swap")[0]

    def leak(text, kept, random):
        return [Edit(0, len(text), "My card was stolen." if "card" in text else "the pin I have is wrong")]

    made = augment_rows(train, [(asked, leak)], held_out=[test])
    assert list(made.rows.texts)[2:] == ["the pin I have is wrong"]
    assert made.n_near == 1


@pytest.mark.parametrize(
    ("source", "role"), [("ncbi_disease/train.conll", "spans"), ("uner_zh_gsd/train.conll", "spans")]
)
def test_spans_hold_the_same_words_afterwards(source, role):
    rows = read(EXAMPLES / source).take(range(40))
    made = augment_rows(rows, ways("eda:0.3*2,keyboard:0.3,homophone:0.3"))
    assert made.n_made > 40
    texts, spans = list(made.rows.texts), made.rows.values(role)
    for number, source_row in enumerate(made.sources, start=40):
        words = [[texts[number][start:end], label] for start, end, label in spans[number]]
        assert words == [[texts[source_row][start:end], label] for start, end, label in spans[source_row]]


def test_answers_stay_in_their_passage():
    rows = read(EXAMPLES / "cmrc2018" / "test.json").take(range(10))
    made = augment_rows(rows, ways("eda"))
    assert made.n_made
    for text, answers in zip(made.rows.texts, made.rows.values("answers"), strict=True):
        for answer in answers:
            assert text[answer["start"] :].startswith(answer["text"])


def test_augmentations_that_could_change_a_target_are_refused_with_alternatives():
    pairs = read(
        [{"text": "pay by card", "text_pair": "card payment", "label": "1"}] * 3, text_pair="text_pair"
    )
    with pytest.raises(CallError, match=r"whether two texts match.*keyboard,homophone,shape"):
        check_augmentable(pairs, parse_augmentations("eda,keyboard"))
    check_augmentable(pairs, parse_augmentations("keyboard"))
