"""Parts of speech: one entry per token, nothing where unknown."""

import pytest

from metier.errors import UnknownNameError
from metier.text.parsing import is_parser_installed, parts_of_speech
from metier.text.tokens import token_offsets


def marks(text, tagger):
    return parts_of_speech(text, token_offsets(text), tagger=tagger)


def test_every_character_has_its_word():
    assert marks("我在北京。", "jieba") == [
        ("r", "rBE", "我"),
        ("p", "pBE", "在"),
        ("ns", "nsB", "北京"),
        ("ns", "nsE", "北京"),
        ("x", "xBE", "。"),
    ]


def test_words_between_spaces_and_emoji_keep_their_offsets():
    text = "他 在 New York 🙂 工作 了"
    found = marks(text, "jieba")
    assert len(found) == len(token_offsets(text))
    assert found[-2][2] == "工作"


def test_english_has_nothing_from_jieba():
    assert marks("I live here", "jieba") == [(), (), ()]


def test_none_gives_nothing():
    assert marks("我在北京", "none") == [()] * 4


@pytest.mark.skipif(not is_parser_installed(), reason="needs metier[nlp]: spaCy and its English model")
def test_english_by_spacy_keeps_our_tokens():
    found = marks("She visited St. Louis.", "spacy")
    assert len(found) == 6
    assert found[1][1] == "VERB"


def test_an_unknown_tagger():
    with pytest.raises(UnknownNameError):
        marks("a", "guess")
