"""Fine-tuning of a generative model: the loss covers only the tokens of the answers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from metier.bases.adaptation.adaptation import Adapted
from metier.bases.base import GenerativeBase
from metier.bases.precision import mixed_precision
from metier.progress import Listener
from metier.training.batching import plan_epoch
from metier.training.encoder_settings import ScheduleSettings
from metier.training.fine_tuning import checkpoints_of
from metier.training.loop import Loop, Outcome
from metier.training.objectives.objective import with_penalty
from metier.transformer.generation.generation_rows import GenerationRows, Writer, answer_cross_entropy


def plan_of(settings: ScheduleSettings, rows: GenerationRows) -> Callable[[int], Sequence[np.ndarray]]:
    """Give the batches of each epoch, by the settings of a method."""
    lengths = rows.lengths

    def plan(epoch: int) -> Sequence[np.ndarray]:
        return plan_epoch(
            lengths, token_budget=settings.token_budget, epoch=epoch, random_state=settings.random_state
        )

    return plan


def tune_writer(
    settings: ScheduleSettings,
    base: GenerativeBase,
    writer: Writer,
    rows: GenerationRows,
    validation: GenerationRows | None,
    *,
    adapted: Adapted,
    learning_rate: float,
    listener: Listener,
) -> Outcome:
    """Train what an adaptation left to be trained.

    Parameters
    ----------
    settings : GeneratorSettings
    base : GenerativeBase
    writer : Writer
        Adapted; holds what was learned afterwards.
    rows, validation : GenerationRows
        To learn from, and to compare epochs by their loss; without the latter the last weights stay.
    learning_rate : float
        At its peak.
    """
    torch.manual_seed(settings.random_state)
    return Loop(
        writer,
        rows,
        groups=_groups(list(writer.trained().values()), settings.weight_decay, learning_rate),
        plan=plan_of(settings, rows),
        objective=with_penalty(answer_cross_entropy, adapted),
        hook=adapted.hook,
        settings=settings.of_loop,
        evaluate=None if validation is None else lambda: _score(writer, validation, settings.token_budget),
        checkpoints=checkpoints_of(settings, base, [rows] if validation is None else [rows, validation]),
        mixed_precision=mixed_precision(),
        what=f"fine-tuning {base.name}",
        listener=listener,
    ).run()


def _groups(
    weights: Sequence[torch.nn.Parameter], weight_decay: float, learning_rate: float
) -> list[dict[str, Any]]:
    # Norms and biases have one dimension and are left alone.
    groups = [
        {"params": [weight for weight in weights if weight.dim() > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in weights if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    return [group | {"lr": learning_rate} for group in groups if group["params"]]


def _score(writer: Writer, rows: GenerationRows, token_budget: int) -> dict[str, float]:
    """What epochs are compared by: the mean loss of an answer."""
    halved = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision() == "bf16")
    with halved:
        losses = writer.losses(rows, token_budget=token_budget)
    return {
        "validation_loss": float(losses.mean()),
        "score": -float(losses.mean()),
        "score_error": float(losses.std() / np.sqrt(len(losses))),
    }
