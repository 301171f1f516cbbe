"""Answers that are kept: for the same caller, within bounds, and never where there is personal data."""

import numpy as np
import pytest

from metier.serving.answer_cache import AnswerCache
from metier.tasks.answer_batches import Answers


def answer(probability=0.5):
    return Answers(np.array([[probability, 1 - probability]]), ("a", "b"), ("taught.v1",))


def test_gives_what_was_kept_for_the_same_caller_alone():
    cache = AnswerCache(10)
    cache.put(cache.key("my card", "shop"), answer(0.25))
    assert cache.get(cache.key("my card", "shop")).record(0)["label"] == "b"
    assert cache.get(cache.key("my card", "bank")) is None
    assert cache.get(cache.key("my  card", "shop")) is None


def test_the_least_recently_used_is_dropped_by_number_and_by_bytes():
    changes = []
    cache = AnswerCache(2, when_changed=lambda *figures: changes.append(figures))
    keys = [cache.key(text, "") for text in "abc"]
    cache.put(keys[0], answer())
    cache.put(keys[1], answer())
    cache.get(keys[0])
    cache.put(keys[2], answer())
    assert [cache.get(key) is not None for key in keys] == [True, False, True]
    assert [entries for entries, _ in changes] == [1, 2, 2]
    cache.put(keys[2], answer())
    assert changes[-1] == changes[-2]
    small = AnswerCache(100, most_bytes=1_200)
    for text in "abcdef":
        small.put(small.key(text, ""), answer())
    assert len(small) == 2


@pytest.mark.parametrize(
    "item",
    ["write to ann.smith@example.com", {"text": "ok", "text_pair": "call +49 170 1234567"}, "x" * 2_001, b"a"],
)
def test_personal_data_long_texts_and_files_are_not_kept(item):
    assert AnswerCache(10).key(item, "") is None


def test_keys_of_two_processes_differ():
    assert AnswerCache(1).key("a", "") != AnswerCache(1).key("a", "")


def test_an_answer_that_repeats_its_text_is_not_kept():
    cache = AnswerCache(10)
    cache.put(cache.key("a", ""), object())
    assert len(cache) == 0
