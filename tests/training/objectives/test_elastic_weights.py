"""Elastic weight consolidation: the Fisher information by hand, and weights that stay nearer to the anchor."""

import numpy as np
import pytest
import torch

from metier.training.batching import TokenisedRows
from metier.training.objectives import cross_entropy
from metier.training.objectives.elastic_weights import Anchor, elastic_weights


class Biased(torch.nn.Module):
    """Every text is answered alike: the logits are a bias."""

    def __init__(self, logits):
        super().__init__()
        self.encoder = torch.nn.Module()
        words = torch.nn.Embedding(4, 2)
        self.encoder.words = words
        self.bias = torch.nn.Parameter(torch.tensor(logits, dtype=torch.float32))

    def embedding(self):
        return self.encoder.words

    def positions(self, batch):
        return batch.mask

    def forward(self, batch):
        return self.bias.expand(len(batch), -1) + 0.0 * self.encoder.words(batch.input_ids).sum()


def test_the_importance_is_the_fisher_information():
    """Of a softmax's logits its diagonal is p (1 - p), whatever the labels of the rows."""
    p = np.array([0.5, 0.3, 0.2])
    rows = TokenisedRows([[1]] * 2000, None, 0)
    anchor = Anchor.of(Biased(np.log(p)), rows, most=2000)
    assert anchor.importance["bias"].numpy() == pytest.approx(p * (1 - p), abs=0.03)
    assert list(anchor.weights) == ["bias"]


def test_the_importance_is_that_of_the_old_rows(taught):
    """Weights that the old rows hang on are held, whatever the new ones do: other rows, other importance."""
    model, seen, held = taught.start()
    old, same, new = (Anchor.of(model, rows, most=20) for rows in (held, held, seen))
    for name, importance in old.importance.items():
        assert torch.equal(importance, same.importance[name])
    spread = [torch.cat([part.flatten() for part in one.importance.values()]) for one in (old, new)]
    assert float((spread[0] - spread[1]).norm() / spread[0].norm()) > 0.1


def test_the_penalty_by_hand(batch_of):
    anchor = Anchor({"bias": torch.tensor([1.0, 0.0])}, {"bias": torch.tensor([2.0, 5.0])})
    model = Biased([4.0, 1.0])
    found = elastic_weights(cross_entropy(), anchor, weight=0.1)(model, batch_of([0]))
    plain = np.log(np.exp([0.0, -3.0]).sum())
    assert found.item() == pytest.approx(plain + 0.1 * (2 * 9 + 5 * 1) / 2, rel=1e-5)


def test_weights_stay_nearer_to_the_anchor_and_most_where_they_mattered(taught):
    moved, mattered = {}, {}
    for weight in (0.0, 1e6):
        anchors = []

        def objective(model, rows, weight=weight, anchors=anchors):
            anchors.append(Anchor.of(model, rows, most=10))
            return elastic_weights(cross_entropy(), anchors[0], weight=weight)

        model, _, _ = taught(objective, epochs=2)
        anchor, now = anchors[0], dict(model.named_parameters())
        moved[weight] = sum(((now[name] - before) ** 2).sum().item() for name, before in anchor.weights.items())
        mattered[weight] = anchor.penalty(model).item()
    assert moved[1e6] < 0.9 * moved[0.0]
    assert mattered[1e6] < 0.5 * mattered[0.0]
