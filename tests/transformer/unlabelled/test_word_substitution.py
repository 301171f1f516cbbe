"""Words from the base: its nearest ones, and what it fills in for masked ones."""

import shutil

import numpy as np
import pytest
import torch
import transformers

from metier.bases.known_bases import resolve_base
from metier.errors import BaseModelError
from metier.text.offsets import apply_edits, move_offsets
from metier.transformer.unlabelled.masked_substitution import masked_substitution
from metier.transformer.unlabelled.word_neighbours import word_neighbours

TEXT = "my card was lost while i was travelling in spain"


@pytest.fixture(scope="module")
def masked_base(tiny_base, tmp_path_factory):
    """The tiny base with a head for masked words that was never trained: its choices are odd, its ways are not."""
    folder = tmp_path_factory.mktemp("masked-base")
    torch.manual_seed(0)
    model = transformers.BertForMaskedLM.from_pretrained(tiny_base)
    model.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_base / file, folder / file)
    return resolve_base(str(folder))


def test_neighbours_are_words_of_the_texts(banking77, tiny_base):
    texts = banking77("train")[0][::20]
    table = word_neighbours(resolve_base(str(tiny_base)), texts)
    assert {"charged", "charges"} & set(table["charge"])
    words = {word for text in texts for word in text.lower().replace("?", " ").replace(".", " ").split()}
    assert set(table["charge"]) <= words


def test_masked_words_are_replaced_and_marked_ones_stay(masked_base):
    way = masked_substitution(masked_base, fraction=0.5)
    edits = way(TEXT, [(3, 7)], np.random.default_rng(0))
    assert edits
    changed = apply_edits(TEXT, edits)
    assert changed != TEXT
    assert len(changed.split()) == len(TEXT.split())
    assert changed[slice(*move_offsets((3, 7), edits))] == "card"
    assert way("", [], np.random.default_rng(0)) == []


def test_a_base_without_a_head_for_masked_words_says_so(tiny_base):
    with pytest.raises(BaseModelError, match=r"cannot fill in masked words.*--augment synonym"):
        masked_substitution(resolve_base(str(tiny_base)), fraction=0.1)
