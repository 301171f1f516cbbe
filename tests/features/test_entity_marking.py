from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from metier.errors import BundleError
from metier.features.entity_marking import MARKS, EntityMarker

WORDS = ("[CLS]", "[SEP]", "[UNK]", "a", "b", "x", "q", "the", "cat", "saw", "mouse", "today", "[H]x")


def words_only(*, max_length):
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    tokenizer.encode_special_tokens = True
    return EntityMarker.adding_marks(tokenizer, prefix="q ", max_length=max_length)


def shown(marker, item):
    return " ".join(marker.tokenizer.id_to_token(token) for token in marker.mark(item).ids)


CAT = {"text": "the cat saw the mouse today", "head": [4, 7], "tail": [16, 21]}


def test_entities_are_marked_at_their_offsets():
    marker = words_only(max_length=32)
    assert shown(marker, CAT) == "[CLS] q the [H] cat [/H] saw the [T] mouse [/T] today [SEP]"
    turned = CAT | {"head": CAT["tail"], "tail": CAT["head"]}
    assert shown(marker, turned) == "[CLS] q the [T] cat [/T] saw the [H] mouse [/H] today [SEP]"


def test_marks_are_the_last_of_the_vocabulary():
    tokenizer = words_only(max_length=32).tokenizer
    size = tokenizer.get_vocab_size()
    assert [tokenizer.token_to_id(mark) for mark in MARKS] == list(range(size - 4, size))


def test_a_typed_marker_is_text():
    marker = words_only(max_length=32)
    ids = marker.mark({"text": "a [H] b [T] x", "head": [0, 1], "tail": [12, 13]}).ids
    for mark in MARKS:
        assert ids.count(marker.tokenizer.token_to_id(mark)) == 1


def test_unused_room_of_one_side_goes_to_the_other():
    marker = words_only(max_length=12)
    text = " ".join(["a"] * 20 + ["cat", "saw", "mouse"])
    item = {"text": text, "head": [40, 43], "tail": [48, 53]}
    assert shown(marker, item) == "[CLS] a a a [H] cat [/H] saw [T] mouse [/T] [SEP]"
    assert not marker.mark(item).is_split


def test_entities_further_apart_than_a_window_keep_both_contexts():
    marker = words_only(max_length=16)
    text = " ".join([*"a" * 30, "cat", *"b" * 30, "mouse", *"x" * 30])
    head, tail = text.index("cat"), text.index("mouse")
    item = {"text": text, "head": [head, head + 3], "tail": [tail, tail + 5]}
    assert shown(marker, item) == "[CLS] a a [H] cat [/H] b b b b [T] mouse [/T] x x [SEP]"
    assert marker.mark(item).is_split


def test_a_long_entity_is_truncated():
    marker = words_only(max_length=32)
    item = {"text": " ".join(["cat"] * 50 + ["saw", "mouse"]), "head": [0, 199], "tail": [204, 209]}
    assert shown(marker, item) == "[CLS] q [H] cat cat cat cat [/H] saw [T] mouse [/T] [SEP]"


@pytest.mark.parametrize(("head", "tail"), [([0, 7], [4, 7]), ([4, 7], [0, 7]), ([0, 11], [4, 21])])
def test_entities_that_share_words_are_both_marked(head, tail):
    marker = words_only(max_length=32)
    written = shown(marker, CAT | {"head": head, "tail": tail})
    for mark in MARKS:
        assert written.count(mark) == 1


def test_a_tokenizer_without_marks_is_refused(tmp_path):
    tokenizer = Tokenizer(WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    with pytest.raises(BundleError, match="lacks the entity markers"):
        EntityMarker(tokenizer, prefix="", max_length=8)


def test_markers_survive_saving_and_loading(tmp_path):
    marker = words_only(max_length=32)
    path = Path(tmp_path, "tokenizer.json")
    marker.tokenizer.save(str(path))
    again = Tokenizer.from_file(str(path))
    again.encode_special_tokens = True
    assert EntityMarker(again, prefix="q ", max_length=32).mark(CAT) == marker.mark(CAT)
