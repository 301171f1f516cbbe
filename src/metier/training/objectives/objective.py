"""What every objective is, a model and a batch in, a loss out; and what it sees of a model besides its answers.

An objective gets a model as a whole. What wraps it looks inside by hooks that are there for one pass and gone after it: at
the logits that another objective computed, so that no pass is made twice; at the vectors that reach the head. The model
may be wrapped to share its gradients with other processes; its parts are found all the same.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from metier.bases.adaptation.adaptation import Adapted
from metier.errors import SettingsError
from metier.training.batch import Batch, Embeds

# Objectives wrap one another: a wrapper takes an objective and gives one.
Objective = Callable[[torch.nn.Module, Batch], torch.Tensor]
# From logits and their batch to those of each question asked of the rows, its choices on the last axis.
AsQuestions = Callable[[torch.Tensor, Batch], torch.Tensor]


def as_they_are(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """One question a row, which label it has."""
    return logits


def unwrapped(model: torch.nn.Module) -> Any:
    """Give the headed model inside what shares its gradients with other processes."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def embedding_model(model: torch.nn.Module, term: str) -> Embeds:
    """Give a model as one that says where its vectors are.

    Raises
    ------
    SettingsError
        If it does not: the term of the objective has nothing to work on.
    """
    inner = unwrapped(model)
    if not isinstance(inner, Embeds):
        fault = f"{term} works on word embeddings, and {type(inner).__name__} does not expose them"
        raise SettingsError([f"{fault}; leave it out"], origin="The terms of the objective")
    return inner


@contextmanager
def watched_logits(model: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """Yield a list that receives what each pass of the model gives, in float32."""
    seen: list[torch.Tensor] = []
    hook = model.register_forward_hook(lambda module, inputs, logits: seen.append(logits.float()))
    try:
        yield seen
    finally:
        hook.remove()


@contextmanager
def watched_vectors(model: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """Yield a list that receives the pooled vectors of each pass, as they reach the head, in float32."""
    seen: list[torch.Tensor] = []
    head = unwrapped(model).head
    hook = head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].float()))
    try:
        yield seen
    finally:
        hook.remove()


def with_penalty(objective: Objective, adapted: Adapted) -> Objective:
    """Add the penalty of an adaptation to an objective; most have none."""
    if adapted.penalty() is None:
        return objective

    def penalised(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        penalty = adapted.penalty()
        assert penalty is not None
        return objective(model, batch) + penalty

    return penalised
