"""Copies among messages as they come."""

import numpy as np
import pytest

from metier.monitoring.copies import RecentCopies, sketches
from metier.text.duplicates import near_duplicates

DAY = 86_400.0
STORY = "Shares of the airline fell by a tenth on Tuesday after it cut its forecast for the year."


@pytest.fixture
def texts(banking77) -> list[str]:
    return banking77("train")[0]


def found(texts: list[str], days: list[float], *, most: int = 1024) -> list[int | None]:
    return RecentCopies(most=most).add(sketches(texts), [day * DAY for day in days], range(1, len(texts) + 1))


def test_a_story_within_the_week_is_a_copy_of_the_first():
    assert found([STORY, STORY.upper(), STORY + " (Reuters)"], [0, 1, 6.9]) == [None, 1, 1]


def test_after_a_week_the_same_words_are_said_anew():
    assert found([STORY, STORY, STORY], [0, 7.1, 8]) == [None, None, 2]


def test_a_late_message_is_a_copy_of_what_was_stored_before_it():
    assert found([STORY, STORY], [5, 1]) == [None, 1]


def test_chinese_copies():
    assert found(
        [
            "这家航空公司周二下调了全年业绩预期，股价大跌百分之十。",
            "这家航空公司周二下调了全年业绩预期，股价大跌百分之十！",
            "客服态度很好",
        ],
        [0, 0, 0],
    ) == [None, 1, None]


def test_batches_do_not_matter(texts):
    sketched, seconds, numbers = sketches(texts[:600] * 2), np.arange(1200.0), range(1, 1201)
    whole = RecentCopies().add(sketched, seconds, numbers)
    parted = RecentCopies()
    by_parts = [
        one
        for at in range(0, 1200, 7)
        for one in parted.add(sketched[at : at + 7], seconds[at : at + 7], numbers[at : at + 7])
    ]
    assert whole == by_parts


def test_a_watch_that_starts_again_finds_the_same_copies(texts):
    many = texts[:700] + texts[300:900] + texts[:900]
    sketched, seconds, numbers = sketches(many), np.arange(float(len(many))), np.arange(1, len(many) + 1)
    whole = RecentCopies(most=256)
    before = whole.add(sketched[:1000], seconds[:1000], numbers[:1000])
    originals = [row for row, one in enumerate(before) if one is None][-256:]
    again = RecentCopies(most=256)
    again.add(sketched[originals], seconds[originals], numbers[originals])
    rest = (sketched[1000:], seconds[1000:], numbers[1000:])
    after = whole.add(*rest)
    assert after == again.add(*rest)
    assert any(one is not None for one in after)


def test_finds_what_a_search_of_all_at_once_finds(texts):
    many = texts[:1500] + [text + " ok" for text in texts[:300]]
    copies = found(many, [0.0] * len(many), most=4096)
    clusters = near_duplicates(many).ids
    is_copy, is_repeat = np.array([one is not None for one in copies]), clusters != np.arange(len(many))
    assert is_repeat.sum() > 250
    assert (is_copy & is_repeat).sum() / is_repeat.sum() > 0.95
    assert (is_copy & ~is_repeat).sum() <= 10


def test_what_is_forgotten_is_no_original():
    fillers = [f"{word} {word[::-1]} {word * 2}" for word in ("alpha", "bravo", "charlie", "delta", "echo")]
    assert found([STORY, *fillers, STORY], [0] * 7, most=4) == [None] * 7
