"""Filling in masked words, on real texts, before fine-tuning."""

import inspect

import numpy as np
import pytest
from sklearn.base import clone

from metier.bases.known_bases import load_tokenizer, resolve_base
from metier.errors import SettingsError
from metier.transformer.tuned.encoder import Encoder
from metier.transformer.unlabelled.masked_pretraining import (
    MaskedRows,
    MaskingSettings,
    _masked_rows,
    masked_parts,
    pretrain,
)
from metier.transformer.unlabelled.pretrained_encoder import PretrainedEncoder, PretrainedSettings

LABELS = ("card_arrival", "exchange_rate", "age_limit")


@pytest.fixture(scope="module")
def base(tiny_base):
    return resolve_base(str(tiny_base))


@pytest.fixture(scope="module")
def rows(banking77):
    texts, labels = (np.array(part, dtype=object) for part in banking77("train"))
    known = [index for label in LABELS for index in np.flatnonzero(labels == label)[:8]]
    others = [index for label in LABELS for index in np.flatnonzero(labels == label)[8:60]]
    return texts[known].tolist(), labels[known].tolist(), texts[others].tolist()


def test_whole_words_are_masked_and_nothing_else(base, rows):
    tokenizer = load_tokenizer(base)
    mask_id = tokenizer.token_to_id("[MASK]")
    text = "my cryptocurrency exchange is unbelievably slow"
    settings = MaskingSettings(passes=20, masked_fraction=0.2)
    for row in _masked_rows(base, tokenizer, [text], settings):
        masked, whole = np.split(row, 2)
        assert tokenizer.decode(whole.tolist()) == text
        hidden = np.flatnonzero(masked != whole)
        assert (masked[hidden] == mask_id).all()
        pieces = [tokenizer.id_to_token(token) for token in whole[hidden].tolist()]
        # One word of six: its first piece, and all that continue it.
        assert not pieces[0].startswith("##")
        assert all(piece.startswith("##") for piece in pieces[1:])
        after = hidden[-1] + 1
        assert not tokenizer.id_to_token(int(whole[after])).startswith("##")


def test_a_batch_asks_for_what_was_masked():
    rows = MaskedRows([np.array([1, 9, 3, 1, 2, 3]), np.array([9, 5, 4, 5])], None, 0)
    batch = rows.batch(np.array([0, 1]))
    assert batch.input_ids.tolist() == [[1, 9, 3], [9, 5, 0]]
    assert batch.labels.tolist() == [[-100, 2, -100], [4, -100, -100]]


def test_masked_words_are_learned_once_and_make_a_base(base, rows):
    texts = rows[2][:60]
    settings = MaskingSettings(passes=6, learning_rate=1e-3, token_budget=256)
    learned, facts = pretrain(base, texts, settings)
    brief, before = pretrain(base, texts, MaskingSettings(passes=1, learning_rate=1e-9, token_budget=256))
    assert facts["epochs"][0]["loss"] < 0.9 * before["epochs"][0]["loss"]
    assert learned.folder != brief.folder
    assert (learned.name, learned.max_length) == (base.name, base.max_length)
    modified = (learned.folder / "model.safetensors").stat().st_mtime_ns
    again, _ = pretrain(base, texts, settings)
    assert (again.folder / "model.safetensors").stat().st_mtime_ns == modified


def test_it_is_an_encoder_on_the_base_that_learned(tiny_base, rows):
    texts, labels, others = rows[0], rows[1], rows[2][:40]
    settings = {"base": str(tiny_base), "epochs": 1, "stop_epoch": 1, "temperature": 1.0, "precision": "fp32"}
    plain = Encoder(**settings).fit(texts, labels)
    same = PretrainedEncoder(**settings).fit(texts, labels)
    np.testing.assert_allclose(same.predict_proba(others), plain.predict_proba(others), atol=1e-6)
    taught = PretrainedEncoder(**settings, unlabelled=others, passes=1).fit(texts, labels)
    assert taught.facts_["pretraining"]["texts"] == len(others)
    assert np.mean(taught.predict(texts) == labels) > 0.9
    assert not np.allclose(taught.predict_proba(others), plain.predict_proba(others), atol=1e-3)
    assert taught.chosen_params_["base"] == str(tiny_base)
    assert taught.measure(texts, labels, n_batches=1).seconds_before > 0


def test_it_takes_every_setting_of_the_encoder():
    taken = inspect.signature(PretrainedEncoder).parameters
    assert set(inspect.signature(Encoder).parameters) < set(taken)
    method = PretrainedEncoder(epochs=7, unlabelled=["a"], passes=3)
    assert clone(method).get_params() == method.get_params()
    assert method.get_params()["epochs"] == 7


def test_settings_that_cannot_work_are_said_together():
    with pytest.raises(SettingsError) as fault:
        PretrainedSettings.of(PretrainedEncoder(passes=0, masked_fraction=2.0, pretraining_rate=-1))
    assert str(fault.value).count("\n  - ") == 3


DOCUMENTS = [
    f"The {thing} was lost in the {place}. In the {place} it was found, a {thing}. Nobody knew the {thing} of the {place}."
    for thing in ("card", "parcel", "key", "letter")
    for place in ("garden", "street", "office")
]


@pytest.mark.parametrize("kind", ["next", "order"])
def test_two_parts_of_a_text_are_asked_for_and_some_are_wrong(base, kind):
    tokenizer = load_tokenizer(base)
    settings = MaskingSettings(passes=6, sentences=kind)
    ids, truth = masked_parts(base, tokenizer, [*DOCUMENTS, "One sentence alone"], settings)
    assert len(ids) == 6 * 13
    assert set(truth[-6:].tolist()) == {-1}
    assert 0.3 < truth[:-6].mean() < 0.7
    for row, is_right in zip(ids[:-6], truth[:-6], strict=True):
        _, whole = np.split(row, 2)
        first, second = (
            tokenizer.decode(part) for part in _parts_of(whole.tolist(), tokenizer.token_to_id("[SEP]"))
        )
        own = [text for text in DOCUMENTS if " ".join(f"{first} {second}".lower().split()) == text.lower()]
        turned = [text for text in DOCUMENTS if " ".join(f"{second} {first}".lower().split()) == text.lower()]
        assert bool(own) == bool(is_right)
        assert bool(turned) == (kind == "order" and not is_right)


def _parts_of(ids, separator):
    cut = ids.index(separator)
    return ids[1:cut], ids[cut + 1 : -1]


def test_a_batch_knows_which_parts_are_right_and_they_are_learned(base):
    rows = MaskedRows([np.array([7, 9, 7, 2])] * 3, np.array([1, 0, -1]), 0)
    assert rows.batch(np.arange(3)).labels.tolist() == [[-102, 2], [-101, 2], [-100, 2]]
    settings = MaskingSettings(passes=8, learning_rate=1e-3, token_budget=256, sentences="order")
    _, facts = pretrain(base, DOCUMENTS, settings)
    assert facts["parts_asked"] == 8 * len(DOCUMENTS)
    plain, _ = pretrain(base, DOCUMENTS, MaskingSettings(passes=8, learning_rate=1e-3, token_budget=256))
    assert plain.folder != pretrain(base, DOCUMENTS, settings)[0].folder
