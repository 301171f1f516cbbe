import copy

import numpy as np
import pytest
import torch

from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import load_tokenizer, resolve_base
from metier.features.tokenization import token_ids
from metier.training.batching import TokenisedRows, plan_epoch
from metier.training.heads.token_model import PooledClassifier
from metier.training.learning_rate import parameter_groups
from metier.training.loop import Loop, LoopSettings
from metier.training.objectives import cross_entropy
from metier.training.vocabulary_compaction import CompactVocabulary


@pytest.fixture(scope="module")
def tokenised(tiny_base, queries):
    base = resolve_base(str(tiny_base))
    texts, labels = queries
    ids = token_ids(load_tokenizer(base), texts[:96], prefix=base.prefix)
    return load_model(base), ids, np.unique(labels[:96], return_inverse=True)[1]


def train(encoder, ids, truth, pad_id):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = PooledClassifier(encoder, rng.normal(size=(6, 384)), np.zeros(6), normalise=True)
    model.set_dropout(0.0)
    rows = TokenisedRows(ids, truth, pad_id)
    groups = parameter_groups(encoder, model.head, learning_rate=1e-3, layer_decay=0.9, weight_decay=0.01)
    Loop(
        model,
        rows,
        groups=groups,
        plan=lambda epoch: plan_epoch(rows.lengths, token_budget=512, epoch=epoch, random_state=0),
        objective=cross_entropy(label_smoothing=0.1),
        settings=LoopSettings(epochs=2),
    ).run()
    return model


def test_training_the_used_rows_alone_equals_training_the_whole_matrix(tokenised):
    encoder, ids, truth = tokenised
    whole = train(copy.deepcopy(encoder), ids, truth, pad_id=0)

    small = copy.deepcopy(encoder)
    vocabulary = CompactVocabulary(small, ids, always=[0])
    assert small.get_input_embeddings().num_embeddings == len(vocabulary.kept) < 1000
    compact = train(small, vocabulary.translate(ids), truth, vocabulary.translate_one(0))
    vocabulary.restore()

    expected, found = whole.state_dict(), compact.state_dict()
    assert expected.keys() == found.keys()
    moved = (
        expected["encoder.embeddings.word_embeddings.weight"] - encoder.embeddings.word_embeddings.weight
    ).abs()
    assert moved.max() > 1e-4  # The words did learn, so the comparison says something.
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=1e-6, rtol=0, msg=name)


def test_words_that_never_occur_keep_their_vectors_to_the_bit(tokenised):
    encoder, ids, truth = tokenised
    small = copy.deepcopy(encoder)
    vocabulary = CompactVocabulary(small, ids, always=[0])
    train(small, vocabulary.translate(ids), truth, vocabulary.translate_one(0))
    vocabulary.restore()
    unused = np.setdiff1d(np.arange(30522), vocabulary.kept)
    assert torch.equal(
        small.embeddings.word_embeddings.weight[unused], encoder.embeddings.word_embeddings.weight[unused]
    )


def test_ids_are_translated_to_the_same_vectors(tokenised):
    encoder, ids, _ = tokenised
    small = copy.deepcopy(encoder)
    vocabulary = CompactVocabulary(small, ids, always=[0])
    for before, after in zip(ids, vocabulary.translate(ids), strict=True):
        assert torch.equal(
            encoder.get_input_embeddings()(torch.tensor(before)),
            small.get_input_embeddings()(torch.tensor(after)),
        )
