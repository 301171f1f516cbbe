"""How much the loss of training rows depends on each attention head and each feed-forward neuron.

First-order Taylor: what is lost by setting a number to zero is about the number times the gradient of the loss by it;
its magnitude, summed over tokens and rows, is the importance. Of a head, whose numbers vanish together, the products
are summed first (Michel, Levy and Neubig, "Are sixteen heads really better than one?", 2019).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.bases.adaptation.layer_discovery import blocks_of
from metier.errors import CompressionError
from metier.progress import ignore
from metier.training.batching import plan_epoch
from metier.training.heads.head import Task
from metier.training.tuned_method import TunedEstimator

MOST_ROWS = 512


@dataclass(frozen=True)
class Importance:
    """Importance by layer: `heads` of shape (n_heads,) each, `neurons` of shape (n_neurons,) each."""

    heads: list[np.ndarray]
    neurons: list[np.ndarray]


def importance_of(method: Any, items: Sequence[Any], targets: Sequence[Any]) -> Importance:
    """Measure it on labelled rows, under the loss of the method that would train the encoder.

    Parameters
    ----------
    method : TunedEstimator
        Unfitted, its base the encoder in question.

    Raises
    ------
    CompressionError
        If the method is of another sort, whose loss is not known here.
    """
    if not isinstance(method, TunedEstimator):
        raise CompressionError(
            f"The loss of {method.name} by single rows is not known, so heads and neurons cannot be rated. Use layers, "
            "int8 or vocabulary."
        )
    model, rows, objective = _ready(method, items[:MOST_ROWS], targets[:MOST_ROWS])
    blocks = blocks_of(model.encoder)
    sizes = [int(block.attention.self.attention_head_size) for block in blocks]  # type: ignore[union-attr]
    readers = [block.attention.output.dense for block in blocks] + [block.output.dense for block in blocks]  # type: ignore[union-attr]
    sums: dict[int, torch.Tensor] = {}
    groups = [*sizes, *(1 for _ in blocks)]
    settings: Any = method.Settings.of(method)
    with _watched(readers, groups, sums):
        for places in plan_epoch(rows.lengths, token_budget=settings.batch_budget, epoch=0, random_state=0):
            model.zero_grad()
            objective(model, rows.batch(places)).backward()
    found = [sums[number].cpu().numpy() for number in range(len(readers))]
    return Importance(found[: len(blocks)], found[len(blocks) :])


def _ready(method: TunedEstimator, items: Sequence[Any], targets: Sequence[Any]) -> Any:
    settings: Any = method.Settings.of(method)
    tuned = method.method
    options = {name: dict(settings)[name] for name in tuned.checked_with}
    examples = tuned.answer.check(tuned.input.read(items), targets, **options)
    base = tuned.base(settings, examples.items)
    reader = tuned.head.reader(base, settings)
    ready = tuned.head.ready(reader, base, Task(tuned.answer, examples, None), settings, ignore)
    return ready.model, ready.rows, tuned.objective(settings, ready, reader)


@contextmanager
def _watched(
    readers: Sequence[torch.nn.Module], groups: Sequence[int], sums: dict[int, torch.Tensor]
) -> Iterator[None]:
    """Add up, for what each of some linear layers reads, the magnitude of value times gradient by group."""

    def noting(number: int) -> Callable[..., None]:
        def note(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            values = given[0]
            if values.requires_grad:
                values.register_hook(
                    lambda gradient: _add(sums, number, values.detach() * gradient, groups[number])
                )

        return note

    handles = [reader.register_forward_pre_hook(noting(number)) for number, reader in enumerate(readers)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _add(sums: dict[int, torch.Tensor], number: int, products: torch.Tensor, group: int) -> None:
    by_group = products.reshape(-1, products.shape[-1] // group, group).sum(dim=2).abs().sum(dim=0)
    sums[number] = sums.get(number, 0.0) + by_group  # type: ignore[operator]
