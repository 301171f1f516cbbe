"""Fine-tuning of a model that writes or hears: the loss covers only the tokens of the answers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from metier.bases.adaptation.adaptation import Adapted
from metier.bases.precision import mixed_precision
from metier.progress import Listener
from metier.training.batch import Rows
from metier.training.batching import plan_epoch
from metier.training.encoder_settings import ScheduleSettings
from metier.training.fine_tuning import checkpoints_of
from metier.training.learning_rate import decay_groups
from metier.training.loop import Loop, Outcome
from metier.training.objectives.next_token import answer_cross_entropy
from metier.training.objectives.objective import with_penalty


def plan_of(settings: ScheduleSettings, rows: Rows) -> Callable[[int], Sequence[np.ndarray]]:
    """Give the batches of each epoch, by the settings of a method."""
    lengths = rows.lengths

    def plan(epoch: int) -> Sequence[np.ndarray]:
        return plan_epoch(
            lengths, token_budget=settings.token_budget, epoch=epoch, random_state=settings.random_state
        )

    return plan


def tune_writer(
    settings: ScheduleSettings,
    base: Any,
    writer: Any,
    rows: Rows,
    validation: Rows | None,
    *,
    adapted: Adapted,
    learning_rate: float,
    listener: Listener,
) -> Outcome:
    """Train what an adaptation left to be trained.

    Parameters
    ----------
    settings : ScheduleSettings
    base : Base or GenerativeBase
    writer : TrainedPart
        Adapted, with `losses` of rows; holds what was learned afterwards.
    rows, validation : Rows
        To learn from, and to compare epochs by their loss; without the latter the last weights stay.
    learning_rate : float
        At its peak.
    """
    torch.manual_seed(settings.random_state)
    return Loop(
        writer,
        rows,
        groups=decay_groups(list(writer.trained().values()), settings.weight_decay, learning_rate),
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


def _score(writer: Any, rows: Rows, token_budget: int) -> dict[str, float]:
    """What epochs are compared by: the mean loss of an answer."""
    halved = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision() == "bf16")
    with halved:
        losses = writer.losses(rows, token_budget=token_budget)
    return {
        "validation_loss": float(losses.mean()),
        "score": -float(losses.mean()),
        "score_error": float(losses.std() / np.sqrt(len(losses))),
    }
