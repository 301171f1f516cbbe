"""Texts and pairs longer than the limit of the encoder: every token is read, bounded work."""

import numpy as np
import pytest

from metier.features.averaged_windows import Cutter
from metier.features.tokenization import read_tokenizer, token_ids

COUNTED = "one two three four five six seven eight nine ten "


@pytest.fixture(scope="module")
def tokenizer_file(tiny_base):
    return tiny_base / "tokenizer.json"


def cutter(path, max_length):
    return Cutter(read_tokenizer(path, max_length=max_length), max_length=max_length, prefix="")


def test_a_text_that_fits_is_the_output_of_the_tokenizer(tokenizer_file):
    plain = read_tokenizer(tokenizer_file, max_length=64)
    texts = ["my card", "", "我的卡还没有到", "[SEP] is text", "\ud83d half", COUNTED * 100]
    own = cutter(tokenizer_file, 64)
    assert own.first(texts) == token_ids(plain, texts, prefix="")
    assert own.cut(texts[:5]).ids == token_ids(plain, texts[:5], prefix="")
    assert own.cut([("my card", "a pin")]).ids == [plain.encode("my card", "a pin").ids]


def test_every_token_of_a_long_text_is_new_once(tokenizer_file):
    windows = cutter(tokenizer_file, 24).cut(["short", COUNTED * 9])
    assert windows.owners.tolist() == [0] + [1] * (len(windows.ids) - 1)
    assert all(len(ids) <= 24 for ids in windows.ids)
    assert windows.new_tokens[1:].sum() == 90
    first, second = windows.ids[1:3]
    assert first[-6:-1] == second[1:6]  # A quarter of 22 is read twice.


def test_the_shorter_side_is_whole_in_every_window(tokenizer_file):
    tokenizer = read_tokenizer(tokenizer_file, max_length=24)
    for pair in (("my card", COUNTED * 9), (COUNTED * 9, "my card")):
        windows = cutter(tokenizer_file, 24).cut([pair])
        assert len(windows.ids) > 4
        assert windows.new_tokens.sum() == 90
        for ids in windows.ids:
            assert len(ids) <= 24
            assert "my card" in tokenizer.decode(ids)


def test_two_long_sides_are_split_in_parallel(tokenizer_file):
    """One window per window of the longer side, not one for each combination."""
    windows = cutter(tokenizer_file, 24).cut([(COUNTED * 40, COUNTED * 80)])
    assert windows.new_tokens.sum() == 800
    assert len(windows.ids) < 110
    assert windows.ids[0][1] == windows.ids[0][12]  # Both begin with their first word,
    assert windows.ids[-1][-2] == 2702  # and end with their last, "ten".


def test_the_average_counts_tokens_once(tokenizer_file):
    own = cutter(tokenizer_file, 24)
    inputs = ["short", COUNTED * 9, "three words here"]
    windows = own.cut(inputs)
    numbers = np.arange(len(windows.ids), dtype=np.float32)[:, None]
    inner = windows.owners == 1
    expected = np.average(numbers[inner, 0], weights=windows.new_tokens[inner])
    np.testing.assert_allclose(windows.average(numbers)[:, 0], [0, expected, len(windows.ids) - 1])
    lengths = own.average(lambda ids: np.array([[len(row)] for row in ids], dtype=np.float32), inputs)
    assert lengths[[0, 2], 0].tolist() == [3, 5]


def test_many_long_texts_are_encoded_in_parts(tokenizer_file):
    own = cutter(tokenizer_file, 24)
    seen = []

    def run(ids):
        seen.append(len(ids))
        return np.ones((len(ids), 2), dtype=np.float32)

    found = own.average(run, [COUNTED * 2_000] * 3 + ["short"])
    np.testing.assert_array_equal(found, np.ones((4, 2)))
    assert max(seen) <= 1024
    assert sum(seen) > 3_000


def test_a_prefix_is_in_every_window(tokenizer_file):
    tokenizer = read_tokenizer(tokenizer_file, max_length=24)
    own = Cutter(read_tokenizer(tokenizer_file, max_length=24), max_length=24, prefix="query: ")
    for windows in (own.cut([COUNTED * 9]), own.cut([("my card", COUNTED * 9)])):
        for ids in windows.ids:
            assert tokenizer.decode(ids).startswith("query :")
