"""CLIP's loss, and what several positives change."""

import pytest
import torch

from metier.training.objectives.symmetric_contrastive import symmetric_contrastive_loss


@pytest.fixture
def vectors():
    torch.manual_seed(0)
    return (torch.nn.functional.normalize(torch.randn(6, 4), dim=1) for _ in range(2))


def test_with_one_positive_each_it_is_the_cross_entropy_both_ways(vectors):
    one, other = vectors
    logits, own = one @ other.T * 14.0, torch.arange(6)
    expected = (
        torch.nn.functional.cross_entropy(logits, own) + torch.nn.functional.cross_entropy(logits.T, own)
    ) / 2
    found = symmetric_contrastive_loss(one, other, torch.eye(6, dtype=torch.bool), scale=14.0)
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_an_equal_caption_is_no_negative():
    """Two pairs of one thing: both partners are as near as can be, which the loss must not punish beyond their share."""
    same = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    apart = torch.eye(3, dtype=torch.bool)
    together = apart.clone()
    together[0, 1] = together[1, 0] = True
    as_negatives = symmetric_contrastive_loss(same, same, apart, scale=50.0)
    as_positives = symmetric_contrastive_loss(same, same, together, scale=50.0)
    assert float(as_positives) == pytest.approx(2 / 3 * float(torch.log(torch.tensor(2.0))), abs=1e-4)
    assert torch.allclose(
        as_positives, as_negatives, atol=1e-4
    )  # At its least; only the gradient tells them apart:
    free = torch.tensor([[1.0, 0.1], [1.0, -0.1], [0.0, 1.0]], requires_grad=True)
    losses = []
    for positives in (apart, together):
        (gradient,) = torch.autograd.grad(
            symmetric_contrastive_loss(
                torch.nn.functional.normalize(free, dim=1),
                torch.nn.functional.normalize(free.detach(), dim=1),
                positives,
                scale=10.0,
            ),
            free,
        )
        losses.append(float(gradient[0, 1] - gradient[1, 1]))
    assert losses[0] < losses[1]  # As negatives the two are pushed apart.
