"""Adversarial training: the loss under the worst small perturbation of the word embeddings.

Pure functions of the loss: the push is found with `torch.autograd.grad` on the word vectors alone, so no weight's
gradient is touched on the way and batches may be accumulated; it is added by a hook on the embedding that the model
names (`training.batch.Embeds`), so a base whose embedding is frozen or cut down to the used words can be trained too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from metier.training.batch import Batch
from metier.training.objectives.objective import Objective, embedding_model


def fgm(objective: Objective, *, size: float = 1.0) -> Objective:
    """Give an objective that adds the loss under the push along the gradient, the fast gradient method [1]_.

    Parameters
    ----------
    objective : Objective
        Evaluated twice.
    size : float, default=1.0
        Length of the push on a whole row, in lengths of its mean word vector. (The paper scales all word vectors
        to one size first; to measure by their length serves every base alike.)

    References
    ----------
    .. [1] Miyato, Dai and Goodfellow, "Adversarial training methods for semi-supervised text classification",
       2017, arXiv:1605.07725.
    """
    return _adversarial(objective, size=size, steps=1, step=size)


def pgd(objective: Objective, *, size: float = 1.0, steps: int = 3) -> Objective:
    """Give an objective that adds the loss under the worst push found in several steps [1]_.

    Parameters
    ----------
    objective : Objective
        Evaluated `steps` + 1 times.
    size : float, default=1.0
        Radius of the ball that the push stays in, see `fgm`.
    steps : int, default=3
        Each as long as 2.5 / `steps` radii, then put back into the ball: the authors' own rule.

    References
    ----------
    .. [1] Madry et al., "Towards deep learning models resistant to adversarial attacks", 2018, arXiv:1706.06083.
       There the clean loss is left out; it is kept here, for accuracy on rows as they come.
    """
    return _adversarial(objective, size=size, steps=steps, step=2.5 * size / steps if steps > 1 else size)


def _adversarial(objective: Objective, *, size: float, steps: int, step: float) -> Objective:
    def pushed_too(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        with _pushed(model, None) as touched:
            clean = objective(model, batch)
        push, vectors = touched
        mask = embedding_model(model, "fgm or pgd").positions(batch)
        length = _mean_length(vectors.detach(), mask)
        total = torch.zeros_like(vectors)
        loss = clean
        for number in range(steps):
            # Only the clean loss is needed again, for the weights' gradient.
            (slope,) = torch.autograd.grad(loss, push, retain_graph=number == 0)
            total = _into_ball(total + step * length * _unit(slope), size * length)
            if number < steps - 1:
                with _pushed(model, total) as touched:
                    loss = objective(model, batch)
                push = touched[0]
        with _pushed(model, total):
            return clean + objective(model, batch)

    return pushed_too


@contextmanager
def _pushed(model: torch.nn.Module, push: torch.Tensor | None) -> Iterator[list[torch.Tensor]]:
    """Add a push to the word vectors of every pass, None being no push; yields the push and the word vectors."""
    seen: list[torch.Tensor] = []

    def add(module: torch.nn.Module, inputs: object, vectors: torch.Tensor) -> torch.Tensor:
        if not seen:  # One push for all passes of an objective that makes several.
            seen.extend(
                [(torch.zeros_like(vectors) if push is None else push).detach().requires_grad_(), vectors]
            )
        return vectors + seen[0]

    hook = embedding_model(model, "fgm or pgd").embedding().register_forward_hook(add)
    try:
        yield seen
    finally:
        hook.remove()


def _mean_length(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Give the mean length of each row's word vectors, padding left out, of shape (n_rows, 1, 1)."""
    lengths = vectors.norm(dim=-1) * mask
    return (lengths.sum(dim=1) / mask.sum(dim=1).clamp(min=1)).view(-1, 1, 1)


def _unit(slope: torch.Tensor) -> torch.Tensor:
    """Scale each row's slope to length 1 over all its words; a row without slope stays where it is."""
    norm = slope.flatten(1).norm(dim=1).view(-1, 1, 1)
    return torch.where(norm > 0, slope / norm.clamp(min=torch.finfo(slope.dtype).tiny), 0.0)


def _into_ball(push: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    norm = push.flatten(1).norm(dim=1).view(-1, 1, 1)
    return push * (radius / norm.clamp(min=torch.finfo(push.dtype).tiny)).clamp(max=1.0)
