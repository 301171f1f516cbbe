"""Subwords, units and windows: exact offsets, every subword read once."""

import itertools

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing

from metier.features import token_windows
from metier.features.token_windows import Frame, Pieces, cut, read_whole, unit_values
from metier.text.tokens import token_offsets


@pytest.fixture(scope="module")
def word_pieces(tiny_base):
    from metier.features.tokenization import read_tokenizer

    return read_whole(read_tokenizer(tiny_base / "tokenizer.json", max_length=64))


@pytest.fixture
def sentence_pieces():
    """A tokenizer of SentencePiece's kind, whose pieces join characters as real ones do."""
    pieces = [
        "<s>",
        "</s>",
        "<unk>",
        "▁",
        "▁query",
        ":",
        "台北",
        "台",
        "北",
        "大",
        "樓",
        "▁the",
        "▁tower",
        "...",
        "é",
    ]
    tokenizer = Tokenizer(Unigram([(piece, -float(len(pieces))) for piece in pieces], unk_id=2))
    tokenizer.pre_tokenizer = Metaspace(prepend_scheme="always")
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return tokenizer


def units(tokenizer, text):
    pieces = cut(tokenizer, text)
    return [
        (text[s:e], tokenizer.id_to_token(int(pieces.ids[i])))
        for i, (s, e) in zip(pieces.firsts, pieces.offsets, strict=False)
    ]


def test_the_first_subword_represents_a_word(word_pieces):
    assert units(word_pieces, "Ataxia-telangiectasia, BRCA1") == [
        ("Ataxia", "ata"),
        ("-", "-"),
        ("telangiectasia", "tel"),
        (",", ","),
        ("BRCA1", "br"),
    ]


@pytest.mark.parametrize(
    "text", ["ＰＩＮ 🙂 é e\u0301 café", "naïve 東京 x\u200dy", "\ud83d a", "a\n\n b\u00a0c", "", " "]
)
def test_units_are_pieces_of_the_text_in_order(word_pieces, text):
    places = cut(word_pieces, text).offsets
    tokens = {place for pair in token_offsets(text) for place in pair}
    assert all(start < end for start, end in places)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(places))
    assert {int(place) for pair in places for place in pair} <= tokens


def test_a_piece_that_joins_characters_is_one_unit(sentence_pieces):
    assert units(sentence_pieces, "台北大樓") == [("台北", "台北"), ("大", "大"), ("樓", "樓")]


def test_scripts_without_spaces_are_split_into_characters(sentence_pieces):
    read_whole(sentence_pieces)
    assert units(sentence_pieces, "台北 the tower") == [
        ("台", "台"),
        ("北", "北"),
        ("the", "▁the"),
        ("tower", "▁tower"),
    ]


def test_a_piece_over_several_marks_is_one_unit(sentence_pieces):
    assert units(sentence_pieces, "the...") == [("the", "▁the"), ("...", "...")]


def test_special_tokens_around_a_window(sentence_pieces, word_pieces):
    frame = Frame.of(sentence_pieces, prefix="query: ", max_length=10)
    assert [sentence_pieces.id_to_token(i) for i in frame.head] == ["<s>", "▁query", ":"]
    assert frame.tail.tolist() == [1]
    assert frame.size == 6
    plain = Frame.of(word_pieces, prefix="", max_length=64)
    assert [word_pieces.id_to_token(i) for i in (*plain.head, *plain.tail)] == ["[CLS]", "[SEP]"]
    assert plain.size == 62


@pytest.mark.parametrize("n_pieces", [0, 1, 7, 8, 9, 10, 14, 15, 16, 100])
def test_every_subword_is_read_in_one_window(n_pieces):
    frame = Frame(np.array([0], np.int32), np.array([1], np.int32), size=8)
    windows = frame.windows(n_pieces)
    owned = [place for window in windows for place in range(window.own_start, window.own_stop)]
    assert owned == list(range(n_pieces))
    for window in windows:
        assert window.stop - window.start <= 8
        assert window.start <= window.own_start <= window.own_stop <= window.stop
    for before, after in itertools.pairwise(windows):
        assert before.stop - after.start >= 2  # A quarter.
        # Wherever it is read, a subword is no nearer to the edge than in the other window.
        assert before.stop - before.own_stop == pytest.approx(after.own_start - after.start, abs=1)


def test_values_belong_to_their_units_whatever_the_windows():
    random = np.random.default_rng(0)
    frame = Frame(np.array([7, 8], np.int32), np.array([9], np.int32), size=10)
    texts = []
    for length in (0, 3, 200, 11, 40):
        firsts = np.flatnonzero(random.random(length) < 0.7)
        texts.append(
            Pieces(random.integers(10, 99, length).astype(np.int32), firsts, np.zeros((len(firsts), 2), int))
        )

    def run(rows):
        assert all(row[:2].tolist() == [7, 8] and row[-1] == 9 and len(row) <= 13 for row in rows)
        return [np.stack([row, row * 2], axis=1).astype(np.float32) for row in rows]

    for pieces, values in zip(texts, unit_values(texts, frame, run, n_values=2), strict=True):
        expected = pieces.ids[pieces.firsts]
        np.testing.assert_array_equal(values, np.stack([expected, expected * 2], axis=1))


def test_a_long_text_is_tokenised_in_blocks_as_if_at_once(word_pieces, monkeypatch):
    text = "The patient had ataxia-telangiectasia, and 🙂 no breast cancer.\n" * 40
    whole = cut(word_pieces, text)
    monkeypatch.setattr(token_windows, "BLOCK", 100)
    for found, expected in zip(vars(cut(word_pieces, text)).values(), vars(whole).values(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_word_longer_than_a_block_ends(word_pieces, monkeypatch):
    monkeypatch.setattr(token_windows, "BLOCK", 50)
    pieces = cut(word_pieces, "x" * 400 + " end")
    assert pieces.offsets[-1].tolist() == [401, 404]
