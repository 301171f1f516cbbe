"""Marian's two SentencePiece models as files of `tokenizers`: the same ids, and the same texts.

`scripts/marian_fixture.py` learned the models and wrote down what transformers and SentencePiece read with them.
"""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs metier[train]")
from transformers import MarianConfig, MarianMTModel

from metier.bases.generative_bases import load_tokenizer, save_language_model
from metier.errors import BundleError
from metier.export.sentencepiece_vocabulary import tokenizer_fault, write_tokenizer
from metier.predictors import load_predictor
from metier.predictors.loading import read_settings
from metier.predictors.text.paired_codec import PairedCodec
from metier.transformer.generation.generator import Generator

MARIAN = Path(__file__).with_name("marian")
ROWS = [json.loads(line) for line in (MARIAN / "ids.jsonl").read_text("utf-8").splitlines()]


class Stored:
    """The codec that the ids were written down with."""

    def encode(self, text):
        return next(row["read"] for row in ROWS if row["text"] == text)

    def encode_target(self, text):
        return next(row["written"] for row in ROWS if row["text"] == text)


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizers")
    return PairedCodec(folder, write_tokenizer(MARIAN, folder)["codec"])


def test_both_sides_read_as_sentencepiece_does(codec):
    assert len(ROWS) > 80
    for row in ROWS:
        assert codec.encode(row["text"]) == row["read"], row["text"]
        assert codec.encode_target(row["text"]) == row["written"], row["text"]
        assert codec.decode(row["written"]) == row["shown"]


def test_a_tokenizer_that_would_read_otherwise_is_refused():
    texts = [row["text"] for row in ROWS]
    assert tokenizer_fault(MARIAN, Stored(), texts) == ""
    wrong = Stored()
    wrong.encode = lambda text: [1] if text.startswith("emoji") else Stored.encode(wrong, text)
    assert f"reads 1 of {len(texts)} rows otherwise" in tokenizer_fault(MARIAN, wrong, texts)


def test_what_is_missing_is_named(tmp_path):
    shutil.copy(MARIAN / "source.spm", tmp_path)
    assert "neither tokenizer.json nor source.spm, target.spm and vocab.json" in tokenizer_fault(
        tmp_path, Stored(), []
    )
    for name in ("target.spm", "vocab.json"):
        shutil.copy(MARIAN / name, tmp_path)
    (tmp_path / "target_vocab.json").write_text("{}", encoding="utf-8")
    assert "a vocabulary for each side" in tokenizer_fault(tmp_path, Stored(), [])
    with pytest.raises(BundleError, match="no pair of tokenizers"):
        PairedCodec(tmp_path, {"n_tokens": 1, "unknown_id": 0, "special_ids": []})


def test_a_marian_learns_and_answers_without_torch(tmp_path):
    pytest.importorskip(
        "sentencepiece", reason="what transformers reads Marian's tokenizer with; not in metier[train]"
    )
    n_tokens = len(json.loads((MARIAN / "vocab.json").read_text("utf-8")))
    config = MarianConfig(
        vocab_size=n_tokens,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=512,
        pad_token_id=n_tokens - 1,
        decoder_start_token_id=n_tokens - 1,
        eos_token_id=0,
        forced_eos_token_id=0,
    )
    model = MarianMTModel(config)
    model.generation_config.bad_words_ids = [[n_tokens - 1]]
    base, folder = tmp_path / "base", tmp_path / "exported"
    save_language_model(model, load_tokenizer(MARIAN), base)
    folder.mkdir()
    english, chinese = [row["text"] for row in ROWS[:20]], [row["text"] for row in ROWS[40:60]]
    given = {
        "epochs": 8,
        "learning_rate": 5e-3,
        "adaptation": "full",
        "precision": "fp32",
        "kind": "translation",
    }
    method = Generator(base=str(base), **given).fit(english, chinese)
    method.export(folder)
    settings = read_settings(folder)
    assert settings["kind"] == "onnx_encoder_decoder.v1"
    assert settings["token_rules"]["never"] == [n_tokens - 1]
    assert load_predictor(folder).predict(english[:4]).predicted == method.predict(english[:4])
