"""Supervised contrast and SimCSE by hand, and what they do to the vectors of a real base."""

import numpy as np
import pytest
import torch

from metier.training.batching import TokenisedRows
from metier.training.contrastive import PooledVectors
from metier.training.encoder_settings import TuningSettings
from metier.training.fine_tuning import fine_tune
from metier.training.objectives import cross_entropy
from metier.training.objectives.simcse import simcse
from metier.training.objectives.supervised_contrastive import (
    contrastive_loss,
    supervised_contrastive,
)

VECTORS = np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0], [-1.0, 0.0]])


def by_hand(vectors, labels, temperature):
    """Equation 3 of Gunel et al. written as loops, a mean over the rows that have a mate."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = np.exp(unit @ unit.T / temperature)
    losses = []
    for i, label in enumerate(labels):
        mates = [j for j, other in enumerate(labels) if other == label and j != i]
        others = sum(similar[i, k] for k in range(len(labels)) if k != i)
        if mates:
            losses.append(-np.mean([np.log(similar[i, j] / others) for j in mates]))
    return np.mean(losses)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [0, 0, 0, 1]])
def test_contrast_by_hand(labels):
    found = contrastive_loss(torch.tensor(VECTORS), torch.tensor(labels), temperature=0.3)
    assert float(found) == pytest.approx(by_hand(VECTORS, labels, 0.3))


def test_of_probabilities_the_greatest_is_the_label():
    soft = torch.tensor([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.0, 1.0]])
    found = contrastive_loss(torch.tensor(VECTORS), soft, temperature=0.3)
    assert float(found) == pytest.approx(by_hand(VECTORS, [0, 0, 1, 1], 0.3))


def test_without_mates_it_teaches_nothing():
    vectors = torch.tensor(VECTORS, requires_grad=True)
    loss = contrastive_loss(vectors, torch.arange(4), temperature=0.3)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert float(vectors.grad.abs().sum()) == 0.0


class Headed(torch.nn.Module):
    """Pooled vectors that are given for each pass, and a head that leaves them as they are."""

    def __init__(self, *passes):
        super().__init__()
        self.head = torch.nn.Identity()
        self.passes = [torch.tensor(values, dtype=torch.float32) for values in passes]

    def forward(self, batch):
        self.passes.append(self.passes.pop(0))
        return self.head(self.passes[-1])


def test_it_is_mixed_into_the_loss_of_the_labels(batch_of):
    labels = [0, 0, 1, 1]
    found = supervised_contrastive(cross_entropy(), weight=0.25, temperature=0.3)(
        Headed(VECTORS), batch_of(labels)
    )
    plain = np.logaddexp.reduce(VECTORS, axis=1) - VECTORS[np.arange(4), labels]
    assert float(found) == pytest.approx(0.75 * plain.mean() + 0.25 * by_hand(VECTORS, labels, 0.3), rel=1e-5)


def test_simcse_by_hand(batch_of):
    one, other = VECTORS[:2], np.array([[4.0, 3.0], [0.0, 1.0]])
    found = simcse(temperature=0.5)(Headed(one, other), batch_of([0, 0]))
    cosines = np.array([[0.8, 0.0], [0.6, 1.0]]) / 0.5
    assert float(found) == pytest.approx((np.logaddexp.reduce(cosines, axis=1) - cosines.diagonal()).mean())


def test_contrast_brings_labels_together_and_apart(taught):
    gaps = {}
    for weight in (0.0, 0.7):
        model, _, unseen = taught(
            lambda model, rows, w=weight: supervised_contrastive(cross_entropy(), weight=w)
        )
        batch = unseen.batch(np.arange(len(unseen)))
        with torch.no_grad():
            cosines = vectors_of(model, batch)
            cosines = (cosines @ cosines.T).numpy()
        same = unseen.truth[:, None] == unseen.truth[None, :]
        itself = np.eye(len(same), dtype=bool)
        gaps[weight] = cosines[same & ~itself].mean() - cosines[~same].mean()
    assert gaps[0.7] > gaps[0.0] + 0.03


def vectors_of(model, batch):
    kept = []
    hook = model.head.register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0]))
    model(batch)
    hook.remove()
    return torch.nn.functional.normalize(kept[0], dim=1)


def test_simcse_makes_the_vectors_of_a_domain_uniform_and_keeps_passes_together(taught):
    """Alignment and uniformity of Wang and Isola (2020) on texts it was not trained on."""
    model, seen, unseen = taught.start()
    vectors = PooledVectors(model.encoder, dropout=0.1)
    before = alignment_and_uniformity(vectors, unseen)
    rows = TokenisedRows(seen.ids, None, seen.pad_id)
    fine_tune(
        vectors,
        rows,
        objective=simcse(),
        settings=TuningSettings(epochs=1, learning_rate=2e-4, token_budget=512),
    )
    after = alignment_and_uniformity(vectors, unseen)
    assert after["loss"] < before["loss"] - 0.01
    assert after["uniformity"] < before["uniformity"] - 0.05


def alignment_and_uniformity(model, rows):
    batch = rows.batch(np.arange(len(rows)))
    model.train()
    torch.manual_seed(0)
    with torch.no_grad():
        one, other = (torch.nn.functional.normalize(model(batch), dim=1) for _ in range(2))
        torch.manual_seed(0)
        loss = float(simcse()(model, batch))
    return {
        "loss": loss,
        "alignment": float(((one - other) ** 2).sum(1).mean()),
        "uniformity": float(torch.pdist(one).pow(2).mul(-2).exp().mean().log()),
    }


def test_under_bf16_the_loss_is_the_one_of_full_precision():
    vectors = torch.nn.functional.normalize(
        torch.randn(8, 16, generator=torch.Generator().manual_seed(0)), dim=1
    )
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    exact = contrastive_loss(vectors, labels, temperature=0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(contrastive_loss(vectors, labels, temperature=0.05), exact)
