import subprocess
import sys
import timeit

import pytest

from metier.text import has_han, segment


def test_english_is_split_into_lower_case_words():
    assert segment("I DON'T see card 2!") == ["i", "don't", "see", "card", "2"]
    assert segment("I don’t") == ["i", "don't"]


def test_chinese_is_segmented_by_the_dictionary():
    assert segment("我想办一张新的银行卡") == ["我", "想", "办", "一张", "新", "的", "银行卡"]


def test_mixed_text_keeps_the_order_and_both_rules():
    assert segment("基于BERT模型的Text分类, don't stop") == [
        "基于",
        "bert",
        "模型",
        "的",
        "text",
        "分类",
        "don't",
        "stop",
    ]


@pytest.mark.parametrize("text", ["", "   ", "😀🎉", "!?…", "\x00"])
def test_a_text_without_letters_has_no_words(text):
    assert segment(text) == []


def test_han_beyond_the_first_plane_counts():
    assert has_han("𠮷野家")
    assert not has_han("カード")


def test_the_chinese_dictionary_is_not_loaded_for_english():
    code = (
        "import sys; from metier.text import segment; segment('my card, ça'); sys.exit('rjieba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_english_takes_microseconds():
    text = "I still have not received my new card, I ordered over a week ago."
    best = min(timeit.repeat(lambda: segment(text), number=1_000, repeat=5)) / 1_000
    assert best < 50e-6  # Measured at 7 µs; a busy machine may be slower, a dictionary would be far slower.
