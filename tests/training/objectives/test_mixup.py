"""Mixup in hidden space: by hand where the layers do nothing, and what it does between real rows."""

import numpy as np
import pytest
import torch

from metier.errors import SettingsError
from metier.training.batching import TokenBatch
from metier.training.objectives import cross_entropy
from metier.training.objectives.mixup import layers_of, mixup


class Layered(torch.nn.Module):
    """The numbers of a text's words summed, after two layers that do nothing."""

    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Module()
        self.encoder.layer = torch.nn.ModuleList([torch.nn.Identity(), torch.nn.Identity()])

    def embedding(self):
        return torch.nn.Identity()

    def positions(self, batch):
        return batch.mask

    def forward(self, batch):
        hidden = torch.nn.functional.one_hot(batch.input_ids, 3).float() * 2
        for layer in self.encoder.layer:
            hidden = layer(hidden)
        return (hidden * batch.mask.unsqueeze(-1)).sum(1)


def drawn(seed, n_rows, concentration=0.4):
    torch.manual_seed(seed)
    share = float(torch.distributions.Beta(concentration, concentration).sample())
    return max(share, 1 - share), torch.randperm(n_rows)


@pytest.mark.parametrize("seed", range(4))
def test_by_hand(seed):
    batch = TokenBatch(
        torch.tensor([[0, 0], [1, 2], [2, 1]]), torch.tensor([[1, 1], [1, 0], [1, 1]]), torch.arange(3)
    )
    share, partners = drawn(seed, 3)
    torch.manual_seed(seed)
    found = mixup(cross_entropy())(Layered(), batch)
    words = np.eye(3)[batch.input_ids.numpy()] * 2
    mask = batch.mask.numpy()
    expected = 0.0
    for row in range(3):
        other = int(partners[row])
        total = np.zeros(3)
        for place in range(2):
            kept = share if mask[other, place] else 1.0
            total += mask[row, place] * (kept * words[row, place] + (1 - kept) * words[other, place])
        log_p = total - np.logaddexp.reduce(total)
        expected -= (share * log_p[row] + (1 - share) * log_p[other]) / 3
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_no_hook_is_left_behind(taught):
    model, rows, _ = taught.start()
    mixup(cross_entropy())(model, rows.batch(np.arange(8))).backward()
    assert not any(layer._forward_hooks for layer in layers_of(model.encoder))
    assert len(layers_of(model.encoder)) == 2


def test_a_model_without_layers_is_refused():
    with pytest.raises(SettingsError, match="needs a stack of layers and Linear has none"):
        layers_of(torch.nn.Linear(2, 2))


def test_between_rows_the_trained_model_is_less_lost(taught):
    """Its own measure on rows it has not seen: the loss of mixed rows against mixed labels."""
    lost = {}
    for is_mixed in (False, True):
        model, _, unseen = taught(
            lambda model, rows, m=is_mixed: mixup(cross_entropy(), concentration=4.0) if m else cross_entropy(),
            epochs=4,
            learning_rate=4e-4,
        )
        batch = unseen.batch(np.arange(64))
        torch.manual_seed(0)
        with torch.no_grad():
            measure = mixup(cross_entropy(), concentration=4.0)
            lost[is_mixed] = np.mean([float(measure(model, batch)) for _ in range(3)])
    assert lost[True] < lost[False] - 0.01
