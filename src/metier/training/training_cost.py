"""What fine-tuning will cost on this machine, measured on a few real batches."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psutil
import torch

from metier.bases.adaptation import parse_adaptation
from metier.bases.adaptation.adaptation import load_adaptation
from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model
from metier.bases.precision import mixed_precision
from metier.tasks.method_contract import TRAINING_OVER_FORWARD, measuring_is_over
from metier.training.batching import TokenisedRows, plan_epoch
from metier.training.encoder_passes import fastest_attention
from metier.training.heads.token_model import PooledClassifier
from metier.training.objectives import cross_entropy
from metier.training.vocabulary_compaction import CompactVocabulary

# Weight, gradient, two moments of Adam, and the best weights so far.
COPIES_OF_A_WEIGHT = 5
BYTES_OF_FLOAT32 = 4
# Of a batch that is timed: half a usual one, and as fast for each token within a few percent.
MEASURED_TOKENS = 512
# Candidates of one run measure the same within this; later the machine may be busier, or less.
KNOWN_FOR_SECONDS = 60.0


@dataclass(frozen=True)
class Cost:
    """What an epoch costs here.

    Parameters
    ----------
    seconds_per_row : float
        Of the rows that were measured, at their mean length.
    seconds_per_epoch : float
        Over all of them.
    memory_bytes : int
        At the peak: the process as it is, weights and their copies, and the activations of a full batch.
    seconds_before : float
        Over all rows once, besides the epochs.
    seconds_per_answer : float
        For one row: of an encoder one pass forward, of a generative method every token by itself.
    seconds_fixed : float
        However many rows there are.
    """

    seconds_per_row: float
    seconds_per_epoch: float
    memory_bytes: int
    seconds_before: float = 0.0
    seconds_per_answer: float = 0.0
    seconds_fixed: float = 0.0


def measure_training(
    base: Base,
    ids: Sequence[Sequence[int]],
    *,
    n_classes: int,
    token_budget: int,
    dropout: float = 0.0,
    adaptation: str = "full",
    n_batches: int = 3,
) -> Cost:
    """Time some batches of real rows, forward, backward and step, as an adaptation makes them.

    States of frozen layers are computed in every batch here, so where they are kept an epoch costs less than this.

    Parameters
    ----------
    ids : sequence of sequence of int
        Token ids of the rows that will be trained on.
    n_batches : int
        Timed after one that is not; spread over the epoch, short rows and long ones. The median counts, so one
        disturbed batch does not move the figure. The first, which is slower, has to do where there is no more time.
    """
    lengths = np.array([len(row) for row in ids])
    small = min(token_budget, MEASURED_TOKENS)
    stands_for = (base.folder, adaptation, dropout, small, mixed_precision(), len(ids), int(lengths.sum()))
    now = time.monotonic()
    known = _KNOWN.get(stands_for)
    if known is None or now - known[0] > KNOWN_FOR_SECONDS:
        found = _measure(
            base, ids, n_classes, small, dropout=dropout, adaptation=adaptation, n_batches=n_batches
        )
        _KNOWN.clear()
        known = _KNOWN[stands_for] = (now, found)
    passed = known[1]
    plan = plan_epoch(lengths, token_budget=token_budget, epoch=0, random_state=0)
    computed = [len(batch) * int(lengths[batch].max()) for batch in plan]
    per_epoch = passed.seconds_per_token * sum(computed)
    activations = passed.bytes_per_token * max(computed)
    here = psutil.Process().memory_info().rss
    memory = here + activations + passed.weights_trained * COPIES_OF_A_WEIGHT * BYTES_OF_FLOAT32
    per_row = per_epoch / len(ids)
    return Cost(per_row, per_epoch, int(memory), seconds_per_answer=per_row / TRAINING_OVER_FORWARD)


def measure_tokens(
    base: Base, ids: Sequence[Any], settings: Any, *, n_batches: int, passes_before: int = 0
) -> Cost:
    """Time some batches of a head's token ids with the settings of its method; see `measure_training`.

    Parameters
    ----------
    passes_before : int
        Passes of all rows forward through the base as it came, which the head starts from.
    """
    cost = measure_training(
        base,
        ids,
        # What a head costs beside the encoder is next to nothing; two logits stand for it.
        n_classes=2,
        token_budget=settings.token_budget,
        dropout=settings.dropout,
        adaptation=settings.adaptation,
        n_batches=n_batches,
    )
    return replace(cost, seconds_before=passes_before * cost.seconds_per_epoch / TRAINING_OVER_FORWARD)


@dataclass(frozen=True)
class _Passed:
    """What passes there and back through a base took."""

    seconds_per_token: float
    bytes_per_token: float
    weights_trained: int


# What was measured last, and when: a frozen base and the same one fine-tuned take the same passes.
_KNOWN: dict[tuple[Any, ...], tuple[float, _Passed]] = {}


def _measure(
    base: Base,
    ids: Sequence[Sequence[int]],
    n_classes: int,
    token_budget: int,
    *,
    dropout: float,
    adaptation: str,
    n_batches: int,
) -> _Passed:
    encoder = load_model(base)
    weight = np.zeros((n_classes, encoder.config.hidden_size))
    model = PooledClassifier(encoder, weight, np.zeros(n_classes), normalise=base.normalise)
    model.set_dropout(dropout)
    vocabulary = CompactVocabulary(encoder, ids, always=[model.pad_id])
    load_adaptation(parse_adaptation(adaptation)).apply(encoder, random_state=0, n_steps=1)
    truth = np.arange(len(ids), dtype=np.int64) % n_classes
    rows = TokenisedRows(vocabulary.translate(ids), truth, vocabulary.translate_one(model.pad_id))
    plan = plan_epoch(rows.lengths, token_budget=token_budget, epoch=0, random_state=0)
    by_tokens = sorted(plan, key=lambda batch: _computed(rows, batch))
    # The last is the largest batch of all: it stands for the peak of memory and warms the allocator up.
    picked = [by_tokens[-1], *(by_tokens[int(at)] for at in np.linspace(0, len(plan) - 1, n_batches + 2)[1:-1])]
    with fastest_attention(encoder, rows.lengths):
        seconds, activations = _time_steps(model, rows, picked)
    timed = picked[1:] if len(seconds) > 1 else picked
    seconds = seconds[1:] if len(seconds) > 1 else seconds
    per_token = np.median(
        [spent / _computed(rows, batch) for spent, batch in zip(seconds, timed, strict=False)]
    )
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    return _Passed(float(per_token), activations / _computed(rows, picked[0]), trained)


def _computed(rows: TokenisedRows, batch: np.ndarray) -> int:
    return len(batch) * max(len(rows.ids[position]) for position in batch)


def _time_steps(
    model: PooledClassifier, rows: TokenisedRows, batches: list[np.ndarray]
) -> tuple[list[float], int]:
    """Seconds of each step that there is time for, and bytes that the first one's activations took."""
    objective = cross_entropy()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0, fused=True)
    seconds: list[float] = []
    saved: dict[int, int] = {}  # Bytes of each piece of memory that waits for the backward pass.

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    halved = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision() == "bf16")
    model.train()
    for number, positions in enumerate(batches):
        start = time.perf_counter()
        watched = (
            nullcontext() if number else torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
        )
        with watched, halved:
            loss = objective(model, rows.batch(positions))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - start)
        if measuring_is_over():
            break
    return seconds, sum(saved.values())
