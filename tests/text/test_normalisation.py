import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.text import has_words, normalise


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where is my card?", "where is  my card"),
        ("I can't pay", "I can’t pay"),
        ("Has my top-up gone through?", "has my top up gone through"),
        ("ＡＢＣ１２３", "abc123"),
        ("你好，世界！", "你好 世界"),
    ],
)
def test_variants_of_a_text_are_equal(one, other):
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"), [("C++", "C"), ("5 %", "5"), ("😀", "😡"), ("!", "?"), ("no", "not")]
)
def test_texts_with_different_meaning_stay_different(one, other):
    assert normalise(one) != normalise(other)


@given(st.text())
def test_normalisation_is_idempotent(text):
    once = normalise(text)
    assert bool(once) == bool(text.split())
    assert "  " not in once


def test_words_are_letters_and_digits_of_any_script():
    assert all(map(has_words, ["卡", "1", "é"]))
    assert not any(map(has_words, ["😀 !!!", ""]))
