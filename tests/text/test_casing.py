"""Casing of tokens: kinds, neighbours, and texts in capitals."""

import numpy as np
import pytest

from metier.text.casing import N_CASINGS, casings
from metier.text.tokens import token_offsets


def numbers(text):
    found = casings(text, np.array(token_offsets(text)).reshape(-1, 2))
    assert all(0 <= number < N_CASINGS for number in found)
    return found.tolist()


def kinds(text):
    return [number // 27 for number in numbers(text)]


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("card", 0),
        ("Card", 1),
        ("I", 1),
        ("NHS", 2),
        ("iPhone", 3),
        ("McDonald", 3),
        ("3beta", 0),
        ("42", 4),
        ("3D", 2),
    ],
)
def test_kinds(token, kind):
    assert kinds(token) == [kind]


def test_tokens_without_case_are_one_kind():
    assert kinds("台北 🙂 !") == [5] * 4


def test_neighbours_count():
    one, other = numbers("in Paris today we met"), numbers("in Paris Hilton we met")
    assert one[0] == other[0]
    assert one[1] != other[1]


def test_a_text_in_capitals_is_a_style_of_its_own():
    assert numbers("GO TO PARIS")[2] != numbers("go TO PARIS now and stay")[2]


def test_no_tokens():
    assert numbers("") == []
