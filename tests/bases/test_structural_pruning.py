"""Encoders without some of their layers, heads and neurons: saved, loaded, and read by plain transformers alike."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs metier[train]")

import torch
from tokenizers import Tokenizer
from transformers import AutoModel, BertConfig, BertModel, DistilBertConfig, DistilBertModel

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_encoder, quiet_transformers, save_encoder
from metier.bases.structural_pruning import keep_heads, keep_layers, keep_neurons, kept_heads
from metier.errors import BaseModelError
from scripts.tiny_encoder import write_tiny_encoder

IDS = torch.tensor([[2, 7, 8, 9, 3]])


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=16,
        initializer_range=0.3,
    )
    return BertModel(config, add_pooling_layer=False).eval()


def states(encoder):
    with torch.no_grad():
        return encoder(input_ids=IDS, attention_mask=torch.ones_like(IDS)).last_hidden_state.numpy()


def saved(encoder, tmp_path):
    folder = write_tiny_encoder(tmp_path / "tiny", ["a few words of text"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    save_encoder(
        encoder, Base("tiny", folder), tmp_path / "made", tokenizer=tokenizer, head={}, labels=[], temperature=1
    )
    return tmp_path / "made"


def test_heads_that_are_left_out_are_zeros_to_plain_transformers(encoder, tmp_path):
    keep_heads(encoder, [[0, 2], [1], [0, 1, 2, 3]])
    keep_neurons(encoder, [[0, 5, 9]] * 3)
    expected, folder = states(encoder), saved(encoder, tmp_path)
    again = load_encoder(folder)
    assert [block.attention.self.query.out_features for block in again.encoder.layer] == [8, 4, 16]
    np.testing.assert_allclose(states(again), expected, atol=1e-5)
    with quiet_transformers():
        plain = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    assert plain.encoder.layer[1].attention.self.query.out_features == 16
    np.testing.assert_allclose(states(plain), expected, atol=1e-5)


def test_pruning_again_counts_heads_of_the_whole(encoder):
    keep_heads(encoder, [[0, 2], [1, 3], [0, 1]])
    keep_heads(encoder, [[1], [1], [0]])
    assert kept_heads(encoder) == [[2], [3], [0]]
    keep_layers(encoder, [0, 2])
    assert kept_heads(encoder) == [[2], [0]]
    assert encoder.config.num_hidden_layers == 2


def test_a_head_without_weights_changes_nothing(encoder):
    expected = states(encoder)
    dense = encoder.encoder.layer[0].attention.output.dense
    with torch.no_grad():
        dense.weight[:, 4:8] = 0
    without = states(encoder)
    keep_heads(encoder, [[0, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]])
    np.testing.assert_allclose(states(encoder), without, atol=1e-5)
    assert np.abs(expected - without).max() > 1e-4


def test_an_encoder_of_another_form_is_refused():
    config = DistilBertConfig(vocab_size=40, dim=16, n_layers=2, n_heads=2, hidden_dim=32)
    with pytest.raises(BaseModelError, match="'distilbert' cannot be pruned"):
        keep_layers(DistilBertModel(config), [0])
