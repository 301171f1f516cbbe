"""FGM and PGD against the same pushes written out, under accumulation and bf16; and that they harden a model."""

import numpy as np
import pytest
import torch

from metier.training.batching import TokenBatch
from metier.training.objectives import cross_entropy
from metier.training.objectives.adversarial import fgm, pgd


class Words(torch.nn.Module):
    """Two words of two numbers; the logits are the sum of a text's words."""

    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Module()
        table = torch.nn.Embedding.from_pretrained(torch.tensor([[3.0, 4.0], [0.0, 1.0]]), freeze=False)
        self.encoder.table = table
        self.encoder.get_input_embeddings = lambda: table

    def embedding(self):
        return self.encoder.table

    def positions(self, batch):
        return batch.mask

    def forward(self, batch):
        return (self.encoder.table(batch.input_ids) * batch.mask.unsqueeze(-1)).sum(1)


def test_fgm_by_hand():
    batch = TokenBatch(torch.tensor([[0, 1]]), torch.ones(1, 2), torch.tensor([0]))
    found = fgm(cross_entropy(), size=0.5)(Words(), batch)
    # The slope in either word is (p0 - 1, p1) = (-q, q): the unit push is (-1, 1, -1, 1) / 2.
    mean_length = (5 + 1) / 2
    push = 0.5 * mean_length * np.array([-1, 1]) / 2
    clean, pushed = np.array([3.0, 5.0]), np.array([3.0, 5.0]) + 2 * push
    expected = sum(np.log(np.exp(logits - logits[0]).sum()) for logits in (clean, pushed))
    assert found.item() == pytest.approx(expected)


def test_padding_is_neither_measured_nor_pushed():
    words = Words()
    short = TokenBatch(torch.tensor([[1]]), torch.ones(1, 1), torch.tensor([0]))
    padded = TokenBatch(torch.tensor([[1, 0]]), torch.tensor([[1, 0]]), torch.tensor([0]))
    assert fgm(cross_entropy())(words, padded).item() == pytest.approx(
        fgm(cross_entropy())(words, short).item()
    )


def test_pgd_of_one_step_is_fgm_and_more_steps_are_worse_for_the_model(taught):
    model, rows, _ = taught.start()
    batch = rows.batch(np.arange(16))
    one = fgm(cross_entropy(), size=2.0)(model, batch).item()
    assert pgd(cross_entropy(), size=2.0, steps=1)(model, batch).item() == pytest.approx(one)
    assert pgd(cross_entropy(), size=2.0, steps=4)(model, batch).item() > one


def test_no_gradient_is_left_behind_and_no_hook(taught):
    model, rows, _ = taught.start()
    batch = rows.batch(np.arange(8))
    loss = pgd(cross_entropy(), steps=3)(model, batch)
    assert all(weight.grad is None for weight in model.parameters())
    loss.backward()
    words = model.encoder.get_input_embeddings()
    assert not words._forward_hooks
    assert words.weight.grad.abs().sum() > 0


def written_out(model, batch, size):
    """FGM as its formula stands: the push is data, the loss is the clean one and the pushed one."""
    words = model.encoder.get_input_embeddings()(batch.input_ids).detach().requires_grad_()

    def loss(vectors):
        hidden = model.encoder(inputs_embeds=vectors, attention_mask=batch.mask).last_hidden_state
        weights = batch.mask.unsqueeze(-1).to(hidden.dtype)
        pooled = torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)
        return torch.nn.functional.cross_entropy(model.head(pooled).float(), batch.labels)

    (slope,) = torch.autograd.grad(loss(words), words)
    length = (words.detach().norm(dim=-1) * batch.mask).sum(1) / batch.mask.sum(1)
    push = size * length[:, None, None] * slope / slope.flatten(1).norm(dim=1)[:, None, None]
    fresh = model.encoder.get_input_embeddings()(batch.input_ids)
    return loss(fresh) + loss(fresh + push)


@pytest.mark.parametrize("is_halved", [False, True], ids=["fp32", "bf16"])
def test_gradients_are_those_of_the_formula(taught, is_halved):
    model, rows, _ = taught.start()
    model.eval()
    batch = rows.batch(np.arange(8))
    slopes = []
    for make in (lambda: fgm(cross_entropy(), size=1.0)(model, batch), lambda: written_out(model, batch, 1.0)):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_halved):
            loss = make()
        loss.backward()
        slopes.append(
            torch.cat(
                [weight.grad.flatten().clone() for weight in model.parameters() if weight.grad is not None]
            )
        )
        model.zero_grad(set_to_none=True)
    apart = (slopes[0] - slopes[1]).norm() / slopes[1].norm()
    assert apart.item() < (0.05 if is_halved else 1e-4)


def test_accumulated_batches_are_one_large_batch(taught):
    model, rows, _ = taught.start()
    model.eval()
    objective = fgm(cross_entropy())
    picked = np.flatnonzero(rows.lengths == np.bincount(rows.lengths).argmax())[:4]
    slopes = []
    for batches in ([picked], [picked[:1], picked[1:]]):
        for part in batches:
            (objective(model, rows.batch(part)) * len(part) / len(picked)).backward()
        slopes.append(model.head.weight.grad.clone())
        model.zero_grad(set_to_none=True)
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-6)


def test_a_frozen_embedding_can_be_pushed(taught):
    model, rows, _ = taught.start()
    model.encoder.get_input_embeddings().weight.requires_grad_(False)
    batch = rows.batch(np.arange(8))
    pushed = fgm(cross_entropy(), size=2.0)(model, batch)
    assert pushed.item() > 2 * cross_entropy()(model, batch).item() + 0.1


def test_a_model_trained_under_pushes_withstands_them(taught):
    lost = {}
    for size in (None, 3.0):
        model, _, unseen = taught(
            lambda model, rows, s=size: fgm(cross_entropy(), size=s) if s else cross_entropy(), epochs=2
        )
        batch = unseen.batch(np.arange(len(unseen)))
        clean = cross_entropy()(model, batch).item()
        lost[size] = fgm(cross_entropy(), size=3.0)(model, batch).item() - 2 * clean
    assert lost[3.0] < 0.9 * lost[None]
