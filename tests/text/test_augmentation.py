"""Augmentation of real texts in both languages; marked spans are kept."""

import numpy as np
import pytest

from metier.errors import SettingsError
from metier.text.augmentation import Augmentation, back_translation, build_way, parse_augmentations
from metier.text.offsets import Edit, apply_edits, move_offsets
from metier.text.segmentation import segment, word_offsets
from metier.text.typing_errors import homophones, neighbouring_keys, similar_shapes
from metier.transformer.unlabelled.word_neighbours import nearest_words

ENGLISH = "My card was lost while I was travelling in Spain, what should I do now?"
CHINESE = "我的银行卡在旅行时丢失了，请问现在应该怎么办？"
SYNONYMS = {"card": ["cards"], "lost": ["misplaced"], "银行卡": ["信用卡"], "现在": ["如今"]}


def made(text, name, *, fraction=0.2, kept=(), seed=0, synonyms=SYNONYMS):
    way = build_way(Augmentation(name, fraction), synonyms=synonyms)
    return apply_edits(text, way(text, kept, np.random.default_rng(seed)))


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, "Ça va? I paid 20€ 到期了"])
def test_word_places_are_those_of_the_segmentation(text):
    assert [text[start:end].lower() for start, end in word_offsets(text)] == segment(text)


def test_edits_move_later_offsets_and_stay_outside_spans():
    edits = [Edit(0, 2, "Your"), Edit(8, 8, "was "), Edit(3, 3, "new "), Edit(7, 7, "!")]
    assert apply_edits("My card lost", edits) == "Your new card! was lost"
    start, end = move_offsets((3, 7), edits)
    assert apply_edits("My card lost", edits)[start:end] == "card"


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_swapping_keeps_the_words_and_changes_their_order(text):
    swapped = made(text, "swap")
    assert swapped != text
    assert sorted(swapped.replace(" ", "")) == sorted(text.replace(" ", ""))


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_deleting_drops_a_share_and_keeps_one_word(text):
    words = len(word_offsets(text))
    places = len(word_offsets(made(text, "delete")))
    assert places == words - max(1, round(0.2 * words))
    assert word_offsets(made(text, "delete", fraction=1.0))


def test_synonyms_replace_words_and_keep_their_case():
    assert made("LOST my Card", "synonym", fraction=1.0) == "MISPLACED my Cards"
    assert made(CHINESE, "synonym", fraction=1.0) == "我的信用卡在旅行时丢失了，请问如今应该怎么办？"
    assert len(word_offsets(made(ENGLISH, "insert"))) == len(word_offsets(ENGLISH)) + 3


@pytest.mark.parametrize(
    "name", ["eda", "synonym", "insert", "swap", "delete", "keyboard", "homophone", "shape"]
)
@pytest.mark.parametrize(("text", "piece"), [(ENGLISH, "travelling in Spain"), (CHINESE, "旅行时丢失")])
def test_marked_spans_are_kept(name, text, piece):
    place = (text.index(piece), text.index(piece) + len(piece))
    way = build_way(Augmentation(name, 0.5), synonyms=SYNONYMS)
    changed = 0
    for seed in range(20):
        edits = way(text, [place], np.random.default_rng(seed))
        start, end = move_offsets(place, edits)
        assert apply_edits(text, edits)[start:end] == piece
        changed += bool(edits)
    is_chinese = name in ("homophone", "shape")
    assert changed == (
        0 if is_chinese != (text == CHINESE) and name in ("keyboard", "homophone", "shape") else 20
    )


def test_slips_are_of_neighbouring_keys():
    keys = neighbouring_keys()
    assert set(keys["g"]) >= {"f", "h", "t", "y", "v", "b"}
    assert "p" not in keys["q"]
    assert all(letter in keys[other] for letter, near in keys.items() for other in near)
    slipped = made(ENGLISH, "keyboard", fraction=0.01)
    assert slipped != ENGLISH
    assert abs(len(slipped) - len(ENGLISH)) <= 1
    assert slipped[:3] == "My "  # Short words stay.


def test_wrong_characters_are_homophones_or_look_alikes():
    assert "作" in homophones()["做"]
    assert "他" in homophones()["它"]
    assert "己" in similar_shapes()["已"]
    assert all(a in similar_shapes()[b] for a, near in similar_shapes().items() for b in near)
    for name, table in (("homophone", homophones()), ("shape", similar_shapes())):
        wrong = made(CHINESE, name)
        differ = [(a, b) for a, b in zip(CHINESE, wrong, strict=True) if a != b]
        assert differ
        assert all(b in table[a] for a, b in differ)


def test_the_same_seed_makes_the_same_text():
    assert made(ENGLISH, "eda", seed=3) == made(ENGLISH, "eda", seed=3)
    assert len({made(ENGLISH, "eda", seed=seed) for seed in range(10)}) > 5


def test_near_words_are_the_nearest_of_the_table():
    vectors = np.array([[1.0, 0.0, 0.1], [0.9, 0.1, 0.0], [-1.0, 0.2, 0.0], [-0.9, -0.1, 0.1]])
    table = nearest_words(["pay", "paid", "cat", "dog"], vectors, most=1)
    assert table == {"pay": ["paid"], "paid": ["pay"], "cat": ["dog"], "dog": ["cat"]}
    # A compound is a hyponym of its head, not a synonym.
    assert nearest_words(["研究", "教学研究", "狗", "猫"], vectors, most=1) == {"狗": ["猫"], "猫": ["狗"]}


def test_back_translation_gives_the_translated_text():
    way = back_translation(
        ["a b", "c"], lambda texts: [text.upper() for text in texts], lambda texts: ["a bee", "c"]
    )
    random = np.random.default_rng(0)
    assert apply_edits("a b", way("a b", [], random)) == "a bee"
    assert way("c", [], random) == []  # The translation equals the text.
    assert way("a b", [(0, 1)], random) == []  # A marked span would be lost.


def test_augmentations_are_parsed_and_faults_are_reported_together():
    assert parse_augmentations("eda:0.2*2, keyboard", times=3) == [
        Augmentation("eda", 0.2, 2),
        Augmentation("keyboard", 0.1, 3),
    ]
    assert parse_augmentations("back:en-zh+zh-en")[0].bundles == ("en-zh", "zh-en")
    with pytest.raises(SettingsError, match="Did you mean 'keyboard'") as fault:
        parse_augmentations("keybord,eda:2,swap*0")
    assert str(fault.value).count("\n  - ") == 3


def test_other_groups_are_named_in_both_languages():
    way = build_way(Augmentation("identity"), synonyms={})
    random = np.random.default_rng(0)
    made = {apply_edits(text, way(text, [], random)) for text in ("He lost his card", "女儿丢了卡")}
    assert made == {"She lost her card", "儿子丢了卡"}
    assert way("the card", [], random) == []
    assert way("He lost it", [(0, 2)], random) == []  # A marked span stays.
