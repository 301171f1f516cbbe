"""Fine-tuning of encoders for every task: vocabulary, batches, learning rates, loop.

A method brings a model (an encoder and a head), rows that know their targets, an objective, and a score on
validation rows. What it gets back is the model with the best weights in it, and how it went.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import psutil
import torch

from metier.bases.adaptation import parse_adaptation
from metier.bases.adaptation.adaptation import Adaptation, load_adaptation
from metier.bases.known_bases import weights_hash
from metier.bases.precision import mixed_precision
from metier.errors import SettingsError
from metier.progress import Listener, ignore
from metier.training.batch import Rows
from metier.training.batching import TokenisedRows, padding_fraction, plan_epoch
from metier.training.checkpoint import CheckpointFolder
from metier.training.encoder_passes import fastest_attention, recomputed
from metier.training.encoder_settings import TuningSettings
from metier.training.frozen_layer_cache import cache_frozen_layers
from metier.training.image_rows import ImageRows
from metier.training.learning_rate import default_learning_rate, parameter_groups
from metier.training.loop import Loop, Outcome
from metier.training.map_cache import kept_maps
from metier.training.objectives import Objective
from metier.training.objectives.objective import with_penalty
from metier.training.processes import n_shares_of_rows
from metier.training.vocabulary_compaction import CompactVocabulary

# Of a method's arguments these may differ between an unfinished run and the one that goes on with it.
NOT_OF_THE_RESULT = ("checkpoint_folder", "precision", "unlabelled")  # Rows without labels are among the rows.


# Facts about a model on rows it has not seen; more of `score` is better, `score_error` is its standard error.
Score = Callable[[Any, Any], dict[str, float]]


@dataclass(frozen=True)
class Tuned:
    """How a fine-tuning went.

    Parameters
    ----------
    outcome : Outcome
    epochs : int
        For another fit to take: fewer than were planned where the clock cut the schedule short.
    facts : dict
        For the report: rate, padding, steps, what each epoch scored.
    """

    outcome: Outcome
    epochs: int
    facts: dict[str, Any]

    @property
    def chosen(self) -> dict[str, int]:
        """The arguments with which another fit needs no validation."""
        return {"epochs": self.epochs, "stop_epoch": self.outcome.best_epoch}


def fine_tune(
    model: Any,
    rows: Rows,
    *,
    objective: Objective,
    settings: TuningSettings,
    validation: Rows | None = None,
    score: Score | None = None,
    checkpoints: CheckpointFolder | None = None,
    what: str = "fine-tuning",
    listener: Listener = ignore,
) -> Tuned:
    """Train a headed encoder in place and leave the best weights in it.

    Parameters
    ----------
    model : Headed
    rows, validation : Rows
        To learn from, and to compare epochs on; token rows in the tokenizer's ids, padding included.
    objective : Objective
    score : callable, optional
        From (model, validation rows) to facts with `score`; without it, or without `validation`, the last weights stay.

    Returns
    -------
    Tuned
    """
    adaptation = load_adaptation(parse_adaptation(settings.adaptation))
    parts = [rows] if validation is None else [rows, validation]
    with _prepared(model, parts, adaptation, listener) as (ready, cache, facts):
        evaluate = None if validation is None or score is None else lambda: score(model, ready[-1])
        tuned = _run(
            model,
            ready[0],
            objective,
            settings,
            adaptation=adaptation,
            cache=cache,
            evaluate=evaluate,
            checkpoints=checkpoints,
            what=what,
            listener=listener,
        )
    weights = sum(weight.numel() for weight in model.parameters())
    tuned.facts.update(facts | {"weights_all": weights})
    return tuned


@runtime_checkable
class KeepsStates(Protocol):
    """A model of several encoders, which keeps what their frozen layers give by itself."""

    def kept_states(
        self, parts: Any, adaptation: Any, *, listener: Listener
    ) -> AbstractContextManager[tuple[Sequence[Rows], AbstractContextManager[None]]]:
        """Give rows as they are learned, and what stands in for frozen layers meanwhile."""
        ...


# Rows as they are learned, what stands in for frozen layers meanwhile, and facts about both.
Prepared = tuple[Sequence[Rows], AbstractContextManager[None], dict[str, Any]]


@contextmanager
def _prepared(
    model: Any, parts: Sequence[Rows], adaptation: Adaptation, listener: Listener
) -> Iterator[Prepared]:
    """Give rows as they are learned: of token ids only the word vectors that occur are trained, and frozen layers kept."""
    if isinstance(model, KeepsStates):
        with model.kept_states(parts, adaptation, listener=listener) as (kept_rows, cache):
            yield kept_rows, cache, {"frozen_states_kept": kept_rows is not parts}
        return
    n_frozen = adaptation.n_frozen_layers(model.encoder)
    tokens = [part for part in parts if isinstance(part, TokenisedRows)]
    images = [part for part in parts if isinstance(part, ImageRows)]
    if len(images) == len(parts):
        with kept_maps(model, images, n_frozen, listener=listener) as kept:
            yield kept or parts, nullcontext(), {"frozen_states_kept": kept is not None}
        return
    if len(tokens) < len(parts):
        yield parts, nullcontext(), {}
        return
    kept_layers = cache_frozen_layers(model, n_frozen, tokens, listener=listener)
    vocabulary = CompactVocabulary(
        model.encoder, [ids for part in tokens for ids in part.ids], always=[model.pad_id]
    )
    pad_id = vocabulary.translate_one(model.pad_id)
    facts = {"vocabulary_used": len(vocabulary.kept), "frozen_states_kept": kept_layers is not None}
    try:
        yield (
            [replace(part, ids=vocabulary.translate(part.ids), pad_id=pad_id) for part in tokens],
            nullcontext() if kept_layers is None else kept_layers.in_place(vocabulary.kept),
            facts,
        )
    finally:
        vocabulary.restore()


def _run(
    model: Any,
    rows: Rows,
    objective: Objective,
    settings: TuningSettings,
    *,
    adaptation: Adaptation,
    cache: AbstractContextManager[None],
    evaluate: Callable[[], dict[str, float]] | None,
    checkpoints: CheckpointFolder | None,
    what: str,
    listener: Listener,
) -> Tuned:
    torch.manual_seed(settings.random_state)
    lengths = rows.lengths

    def plan(epoch: int) -> Sequence[np.ndarray]:
        read = rows.read_in(epoch, random_state=settings.random_state)
        # All processes together make the batch that one would: a step means the same however many there are.
        budget, seed = max(1, settings.batch_budget // n_shares_of_rows()), settings.random_state
        return [
            read[batch]
            for batch in plan_epoch(lengths[read], token_budget=budget, epoch=epoch, random_state=seed)
        ]

    steps = settings.epochs * len(plan(0)) / settings.accumulate / n_shares_of_rows()
    rate = settings.learning_rate
    if rate is None:
        rate = default_learning_rate(steps, optimizer=settings.optimizer)
    adapted = adaptation.apply(model.encoder, random_state=settings.random_state, n_steps=int(steps))
    groups = parameter_groups(
        model.encoder,
        model.head,
        learning_rate=rate * adaptation.rate_factor,
        layer_decay=settings.layer_decay,
        weight_decay=settings.weight_decay,
        head_rate=rate * adaptation.head_factor,
    )
    facts = _adaptation_facts(adaptation, groups)
    memory = PeakMemory()
    again = recomputed(model.encoder, settings.gradient_checkpointing)
    with cache, again, fastest_attention(model.encoder, lengths):
        outcome = Loop(
            model,
            rows,
            groups=groups,
            plan=plan,
            objective=memory.watching(with_penalty(objective, adapted)),
            settings=settings.of_loop,
            evaluate=evaluate,
            checkpoints=checkpoints,
            mixed_precision=mixed_precision(),
            hook=adapted.hook,
            what=what,
            listener=listener,
        ).run()
    adapted.merge()
    # Cut short by the clock, the schedule was squeezed into fewer epochs: another fit should plan for those.
    epochs = outcome.best_epoch if outcome.stopped_by == "clock" else settings.epochs
    facts |= _facts(outcome, rate, padding_fraction(lengths, plan(0)))
    return Tuned(outcome, epochs, facts | {"memory_growth_bytes": memory.growth_bytes})


def _adaptation_facts(adaptation: Adaptation, groups: list[dict[str, Any]]) -> dict[str, Any]:
    n_trained = sum(weight.numel() for group in groups for weight in group["params"])
    if n_trained == 0:
        fault = (
            f"adaptation is {str(adaptation.name)!r}, but there is no head to train. Use 'top:1' or 'lora:8'"
        )
        raise SettingsError([fault], origin="The settings")
    return {"adaptation": str(adaptation.name), "weights_trained": n_trained}


class PeakMemory:
    """How much the resident memory of the process grows while a model trains.

    Looked at where it is highest: after each forward pass, when the activations wait for the backward pass. Memory that
    the process had freed before and takes again does not count, so figures of one process are compared with care.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._highest = self._process.memory_info().rss

    @property
    def growth_bytes(self) -> int:
        """From the start to the highest point."""
        return int(self._highest - self._before)

    def watching(self, objective: Objective) -> Objective:
        """Give the objective, which looks at the memory each time it is called."""

        def watched(model: torch.nn.Module, batch: Any) -> torch.Tensor:
            loss = objective(model, batch)
            self._highest = max(self._highest, self._process.memory_info().rss)
            return loss

        return watched


def _facts(outcome: Outcome, rate: float, padding: float) -> dict[str, Any]:
    return {
        "learning_rate": rate,
        "padding_fraction": padding,
        "epochs": outcome.history,
        "best_epoch": outcome.best_epoch,
        "steps": outcome.steps,
        "stopped_by": outcome.stopped_by,
        "mended": dict(Counter(event["what"] for event in outcome.events)),
        "rows_per_second": outcome.rows / max(outcome.seconds, 1e-9),
    }


def checkpoints_of(settings: Any, base: Any, parts: Sequence[Rows]) -> CheckpointFolder | None:
    """Give the folder where a fit keeps its checkpoints; None where it keeps none.

    Parameters
    ----------
    settings : TuningSettings
        With a `checkpoint_folder`.
    parts : sequence of Rows
        To learn from and to choose on: other rows or targets must not go on from these checkpoints.
    """
    if settings.checkpoint_folder is None:
        return None
    kept = {name: value for name, value in settings if name not in NOT_OF_THE_RESULT}
    digest = hashlib.sha256()
    for part in parts:
        for content in part.contents():
            digest.update(content)
    kept |= {"rows": digest.hexdigest()[:16], "weights": weights_hash(base)[:16], "base": base.name}
    return CheckpointFolder(Path(settings.checkpoint_folder), kept)
