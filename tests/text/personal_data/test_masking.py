import random
import time

import pytest

from metier.errors import CallError, UnknownNameError
from metier.text.offset_map import OffsetMap
from metier.text.offsets import Edit, apply_edits
from metier.text.personal_data import OPERATORS, PersonalData, masked
from metier.text.personal_data.overlaps import without_overlaps

TEXT = "I'm Anna Bell, mail a@example.com or A@example.com now"
KEY = b"0123456789abcdef"


def test_operators():
    assert masked(TEXT).text == "I'm <PERSON>, mail <EMAIL_ADDRESS> or <EMAIL_ADDRESS> now"
    assert masked(TEXT, operator="redact").text == "I'm , mail  or  now"
    stars = masked(TEXT, operator="mask").text
    assert (len(stars), stars[:15]) == (len(TEXT), "I'm *********, ")


def test_a_hash_is_the_same_for_one_value_and_key_alone():
    one, other = (masked(TEXT, operator="hash", key=key).text for key in (KEY, KEY[::-1]))
    codes = [piece.split(":")[1] for piece in one.split("<")[1:]]
    assert codes[1][:16] == codes[2][:16] != codes[0][:16]  # In any case.
    assert one != other
    for key in (None, b"short"):
        with pytest.raises(CallError, match="16 bytes or more"):
            masked(TEXT, operator="hash", key=key)
    with pytest.raises(UnknownNameError):
        masked(TEXT, operator="hide")


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_map_leads_there_and_back(operator):
    done = masked(TEXT, operator=operator, key=KEY)
    start = TEXT.index("mail")
    there = done.offsets.after((start, start + 4))
    assert done.text[slice(*there)] == "mail"
    assert done.offsets.before(there) == (start, start + 4)
    for one in done.found:
        new = done.offsets.after((one.start, one.end))
        assert new[0] == new[1] or done.offsets.before(new) == (one.start, one.end)


def test_the_map_of_random_edits_keeps_every_character_outside_of_them():
    drawn = random.Random(0)
    for _ in range(200):
        text = "".join(drawn.choice("abcdefgh") for _ in range(60))
        ends = sorted(drawn.sample(range(61), 8))
        edits = [Edit(ends[i], ends[i + 1], "X" * drawn.randrange(4)) for i in range(0, 8, 2)]
        after, moved = apply_edits(text, edits), OffsetMap(edits)
        for place in range(60):
            if not any(edit.start <= place < edit.end for edit in edits):
                new = moved.after((place, place + 1))
                assert after[new[0] : new[1]] == text[place]
                assert moved.before(new) == (place, place + 1)


def test_what_overlaps_is_covered_by_one():
    text = "abcdefghij"
    found = [
        PersonalData(0, 4, "PERSON", "abcd", "lists"),
        PersonalData(2, 7, "US_SSN", "cdefg", "checksum"),
        PersonalData(3, 5, "PERSON", "de", "model"),
        PersonalData(8, 9, "PERSON", "i", "lists"),
        PersonalData(8, 9, "US_SSN", "i", "checksum"),
    ]
    kept = without_overlaps(text, found, ("US_SSN", "PERSON"))
    assert [(one.start, one.end, one.entity, one.text) for one in kept] == [
        (0, 7, "US_SSN", "abcdefg"),
        (8, 9, "US_SSN", "i"),
    ]


def test_many_findings_are_sorted_and_not_compared_with_each_other():
    text = "x" * 400_000
    found = [PersonalData(n * 4, n * 4 + 6, "PERSON", "xxxxxx", "lists") for n in range(0, 99_000, 3)] * 3
    began = time.process_time()
    assert len(without_overlaps(text, found, ("PERSON",))) == 33_000
    assert time.process_time() - began < 5
