"""Tokens: words and punctuation, characters in scripts without spaces, whole graphemes."""

import itertools

import pytest

from metier.text.tokens import token_offsets


def tokens(text):
    return [text[start:end] for start, end in token_offsets(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t", []),
        ("I don't know.", ["I", "don", "'", "t", "know", "."]),
        ("BRCA1-linked (3beta)", ["BRCA1", "-", "linked", "(", "3beta", ")"]),
        ("台北101大樓", ["台", "北", "101", "大", "樓"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("ＰＩＮ　１２３", ["ＰＩＮ", "１２３"]),
        ("cafe\u0301s ok", ["cafe\u0301s", "ok"]),
        ("naïve", ["naïve"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("ok👍🏽!", ["ok", "👍🏽", "!"]),
        ("👩\u200d💻 codes", ["👩\u200d💻", "codes"]),
        ("❤\ufe0fyou", ["❤\ufe0f", "you"]),
        ("\u0301x", ["\u0301", "x"]),
        ("a\ud83db", ["a", "\ud83d", "b"]),
    ],
)
def test_tokens(text, expected):
    assert tokens(text) == expected


def test_offsets_are_in_order_and_skip_only_space():
    text = "Köln, 北京 and São\u00a0Paulo 🙂 e\u0301\u200d"
    places = token_offsets(text)
    assert all(start < end for start, end in places)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(places))
    covered = {position for start, end in places for position in range(start, end)}
    assert "".join(text[i] for i in range(len(text)) if i not in covered).strip() == ""
