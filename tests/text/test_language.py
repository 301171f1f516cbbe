import pytest

from metier.text import detect_language


def test_english_is_recognised_by_function_words():
    mix = detect_language(["where is my card", "I have not received it", "PIN blocked"])
    assert mix.main_language == "en"
    assert mix.shares["en"] == 1.0


def test_chinese_is_recognised_by_script():
    mix = detect_language(["我的卡在哪里", "如何更改PIN码", "where is my card", "余额没有更新"])
    assert mix.main_language == "zh"
    assert mix.shares["zh"] == 0.75


@pytest.mark.parametrize(
    "texts",
    [
        ["Wo ist meine Karte und wie lange dauert das", "Ich habe sie nicht bekommen"],
        ["où est ma carte", "je ne peux pas payer avec la carte"],
        ["カードはどこですか", "まだ届きません"],
        ["где моя карта", "не могу оплатить"],
        ["카드가 어디에 있나요"],
    ],
)
def test_other_languages_are_not_taken_for_english_or_chinese(texts):
    assert detect_language(texts).main_language == "other"


def test_undecided_texts_follow_the_majority():
    undecided = ["Karte verloren", "PIN"] * 3
    assert detect_language([*undecided, "das ist nicht meine Karte"]).main_language == "other"
    assert detect_language([*undecided, "this is not my card"]).main_language == "en"


def test_texts_without_letters_are_ignored():
    mix = detect_language(["😀", "123", ""])
    assert mix.main_language == "other"
    assert sum(mix.shares.values()) == 0


def test_many_texts_are_sampled_evenly():
    mix = detect_language(["我的卡在哪里"] * 30_000 + ["where is my card"] * 10_000)
    assert mix.n_texts < 10_000
    assert mix.shares["zh"] == pytest.approx(0.75, abs=0.01)
