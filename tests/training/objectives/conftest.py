"""Objectives on logits that are given, and on a real base made small."""

import numpy as np
import pytest
import torch

from metier.bases.embedding import embed_ids
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import load_tokenizer, resolve_base
from metier.features.tokenization import token_ids
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.encoder_settings import TuningSettings
from metier.training.fine_tuning import fine_tune
from metier.training.heads.linear_probe import fit_probe
from metier.training.heads.token_model import PooledClassifier


class Given(torch.nn.Module):
    """A model whose answers to each of its passes are known: the numbers it was made with."""

    def __init__(self, *passes):
        super().__init__()
        self.passes = [torch.tensor(values, dtype=torch.float32) for values in passes]
        self.made = 0

    def forward(self, batch):
        self.made += 1
        return self.passes[(self.made - 1) % len(self.passes)]


@pytest.fixture
def given():
    """Makes a model of the logits of each pass."""
    return Given


@pytest.fixture
def batch_of():
    """Makes a batch of labels; its token ids do not matter."""

    def make(labels):
        labels = torch.as_tensor(np.asarray(labels))
        return TokenBatch(torch.zeros(len(labels), 2, dtype=torch.long), torch.ones(len(labels), 2), labels)

    return make


@pytest.fixture(scope="session")
def taught(tiny_base, queries):
    """Trains a tiny base by an objective, on few real rows: gives the model, and rows to measure it on."""
    texts, labels = queries
    base = resolve_base(str(tiny_base))
    ids = token_ids(load_tokenizer(base), texts, prefix=base.prefix)
    truth = np.searchsorted(sorted(set(labels)), labels)

    def rows(part, pad_id):
        return TokenisedRows(ids[part], truth[part], pad_id)

    def start(dropout=0.0):
        encoder = load_model(base)
        probe = fit_probe(
            embed_ids(encoder, ids[:64], normalise=base.normalise), truth[:64], C=0.01, temperature=1.0
        )
        model = PooledClassifier(encoder, probe.weight, probe.bias, normalise=base.normalise)
        model.set_dropout(dropout)
        return model, rows(slice(64), model.pad_id), rows(slice(64, 160), model.pad_id)

    def train(make_objective, *, dropout=0.0, epochs=3, learning_rate=2e-4, make_rows=lambda rows: rows):
        model, seen, unseen = start(dropout)
        objective = make_objective(model, seen)
        settings = TuningSettings(epochs=epochs, learning_rate=learning_rate, token_budget=512)
        fine_tune(model, make_rows(seen), objective=objective, settings=settings)
        return model, seen, unseen

    train.start = start
    return train
