"""The training core knows a batch by its protocol alone: here it is of numbers, and nothing in it is a token."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from metier.errors import SettingsError
from metier.training.encoder_settings import TuningSettings
from metier.training.fine_tuning import fine_tune
from metier.training.objectives.composition import compose
from metier.training.objectives.elastic_weights import Anchor

N_CLASSES, N_FEATURES = 3, 5


@dataclass(frozen=True)
class FeatureBatch:
    features: torch.Tensor
    labels: torch.Tensor | None = None

    def __len__(self):
        return len(self.features)

    def to(self, device):
        labels = None if self.labels is None else self.labels.to(device)
        return replace(self, features=self.features.to(device), labels=labels)


@dataclass(frozen=True)
class FeatureRows:
    features: np.ndarray
    truth: np.ndarray

    def __len__(self):
        return len(self.features)

    @property
    def lengths(self):
        return np.ones(len(self.features), dtype=np.int64)

    def read_in(self, epoch, *, random_state):
        return np.arange(len(self.features))

    def batch(self, positions):
        return FeatureBatch(torch.from_numpy(self.features[positions]), torch.from_numpy(self.truth[positions]))

    def mean(self, numbers):
        return numbers

    def in_order_of_length(self, token_budget):
        yield np.arange(len(self)), self.batch(np.arange(len(self)))


class FeatureClassifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = torch.nn.Sequential(
            torch.nn.Linear(N_FEATURES, 16), torch.nn.Tanh(), torch.nn.Dropout(0.1)
        )
        self.head = torch.nn.Linear(16, N_CLASSES)

    def forward(self, batch):
        return self.head(self.encoder(batch.features))


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    centres = random.normal(size=(N_CLASSES, N_FEATURES)) * 2
    truth = np.arange(150) % N_CLASSES
    features = (centres[truth] + random.normal(size=(150, N_FEATURES))).astype(np.float32)
    return FeatureRows(features[:90], truth[:90]), FeatureRows(features[90:], truth[90:])


def score(model, rows):
    model.eval()
    with torch.no_grad():
        found = model(rows.batch(np.arange(len(rows)))).argmax(dim=1).numpy()
    return {"score": float((found == rows.truth).mean())}


@pytest.mark.parametrize("terms", ["cross_entropy", "focal:2+supcon:0.3+r_drop:0.5+simcse:0.1+ewc:1"])
def test_a_head_is_trained_on_batches_without_token_ids(rows, terms):
    seen, validation = rows
    model = FeatureClassifier()
    before = score(model, validation)["score"]
    anchor = Anchor.of(model, seen, most=10) if "ewc" in terms else None
    tuned = fine_tune(
        model,
        seen,
        objective=compose(terms, anchor=anchor),
        settings=TuningSettings(epochs=20, learning_rate=1e-2, token_budget=16),
        validation=validation,
        score=score,
    )
    assert tuned.facts["steps"] == 20 * 6  # A row costs 1: 90 rows in batches of 16.
    assert before < 0.6 < 0.9 < score(model, validation)["score"]


@pytest.mark.parametrize("terms", ["fgm:1", "mixup:0.4"])
def test_what_works_on_vectors_of_tokens_says_that_there_are_none(rows, terms):
    with pytest.raises(SettingsError, match="FeatureClassifier does not expose them; leave it out"):
        compose(terms)(FeatureClassifier(), rows[0].batch(np.arange(8)))
