"""What teaching a model to write will cost on this machine, measured by a few real batches."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psutil
import torch
import transformers

from metier.bases.adaptation.layer_discovery import blocks_of
from metier.bases.precision import mixed_precision
from metier.export.generation_export import CHECKED_ROWS, TIMED_ROWS, export_fault
from metier.tasks.method_contract import measuring_is_over
from metier.training.batching import plan_epoch
from metier.training.frozen_layer_cache import most_bytes
from metier.training.objectives.next_token import answer_cross_entropy
from metier.training.partial_pass import StatesHere, output_of, standing_in
from metier.training.training_cost import BYTES_OF_FLOAT32, COPIES_OF_A_WEIGHT, Cost
from metier.transformer.generation.answer_rules import answering_attention
from metier.transformer.generation.generation_rows import GenerationRows
from metier.transformer.generation.packed_rows import PackedRows
from metier.transformer.generation.prepared_writer import PreparedWriter

MEASURED_PROMPTS = 25  # Of these the one of middle length is answered.
MEASURED_TOKENS = 6
SIDE_BY_SIDE = 4  # Rows that are written together while that is timed; more are in use.
ENOUGH_SECONDS = 12.0
BYTES_OF_BFLOAT16 = 2


def measure_writer(ready: PreparedWriter, *, token_budget: int, n_batches: int) -> Cost:
    """Time some batches of real rows, forward, backward and step, after one that is not counted.

    Where the states of frozen layers are going to be kept, they are timed by themselves: they are computed once.
    """
    rows = ready.parts[0]
    plan = plan_epoch(rows.lengths, token_budget=token_budget, epoch=0, random_state=0)
    by_tokens = sorted(plan, key=lambda batch: _computed(rows, batch))
    picked = [by_tokens[-1], *(by_tokens[int(at)] for at in np.linspace(0, len(plan) - 1, n_batches + 2)[1:-1])]
    keeps = ready.n_frozen > 0 and most_bytes() >= _bytes_kept(ready)
    timed = _time_batches(ready if keeps else replace(ready, n_frozen=0), picked)
    counted = timed.seconds[1:] or timed.seconds
    tokens = [_computed(rows, batch) for batch in (picked[1:] if len(timed.seconds) > 1 else picked)]
    n_tokens = sum(_computed(rows, batch) for batch in plan)
    below, above = (
        float(np.median([spent[part] / n for spent, n in zip(counted, tokens, strict=False)])) * n_tokens
        for part in (0, 1)
    )
    answering = _time_answers(ready)
    own = ready.n_trained * COPIES_OF_A_WEIGHT * BYTES_OF_FLOAT32
    return Cost(
        above / len(rows),
        above,
        int(timed.memory_bytes + own),
        seconds_before=below,
        seconds_per_answer=answering.of_many,
        seconds_fixed=_seconds_of_export(ready, answering),
    )


@dataclass(frozen=True)
class _Timed:
    """Seconds of each batch, below the layers that train and from there on, and the memory at its highest."""

    seconds: list[tuple[float, float]]
    memory_bytes: int


def _time_batches(ready: PreparedWriter, picked: list[np.ndarray]) -> _Timed:
    writer, rows = ready.writer, ready.parts[0]
    optimizer = torch.optim.AdamW(list(writer.trained().values()), lr=0.0, fused=True)
    halved = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision() == "bf16")
    frozen = list(blocks_of(writer.language_model.base_model))[: ready.n_frozen]
    process, seconds = psutil.Process(), []
    highest = process.memory_info().rss
    for positions in picked:
        start, batch = time.perf_counter(), rows.batch(positions)
        writer.eval()
        with halved, torch.inference_mode():
            given = output_of(frozen[-1], lambda: writer(batch)) if frozen else None  # noqa: B023
        is_tuple = isinstance(given, tuple)
        states = None if given is None else (given[0] if is_tuple else given).clone()
        middle = time.perf_counter()
        writer.train()
        with standing_in(frozen, StatesHere(states), gives_tuple=is_tuple):
            with halved:
                loss = answer_cross_entropy(writer, batch)
            # Activations wait for the backward pass: here they all stand in memory.
            highest = max(highest, process.memory_info().rss)
            loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        end = time.perf_counter()
        seconds.append((middle - start if frozen else 0.0, end - (middle if frozen else start)))
        if len(seconds) > 1 and (sum(map(sum, seconds)) > ENOUGH_SECONDS or measuring_is_over()):
            break  # One batch is enough for so slow a base; measuring must not use up the budget.
    return _Timed(seconds, highest)


def _bytes_kept(ready: PreparedWriter) -> int:
    """What the states of all rows take."""
    width = int(ready.writer.language_model.config.hidden_size)
    return int(sum(part.lengths.sum() for part in ready.parts)) * width * BYTES_OF_BFLOAT16


@dataclass(frozen=True)
class _Answering:
    """Seconds of an answer of average length to a prompt of average length: of many at once, and of one by itself."""

    of_many: float
    alone: float


def _seconds_of_export(ready: PreparedWriter, answering: _Answering) -> float:
    """Of both precisions the likelihoods of some answers are compared, and a few are timed by themselves."""
    if export_fault(ready.writer.language_model.config):
        return 0.0
    many = min(CHECKED_ROWS, len(ready.parts[0])) * answering.of_many
    return 2 * (many + TIMED_ROWS * answering.alone)


def _time_answers(ready: PreparedWriter) -> _Answering:
    model = ready.writer.language_model.eval()
    prompts, answers = ready.parts[0].parted(MEASURED_PROMPTS)
    prompt = sorted(prompts, key=len)[len(prompts) // 2]
    n_tokens = float(np.mean([len(answer) for answer in answers]))
    before = model.config._attn_implementation
    model.set_attn_implementation(answering_attention(model))
    try:
        reading, each = _time_generation(model, prompt, SIDE_BY_SIDE)
        _, each_alone = _time_generation(model, prompt[-1:], 1)
    finally:
        model.set_attn_implementation(before)
    alone = reading / SIDE_BY_SIDE
    return _Answering(alone + each / SIDE_BY_SIDE * n_tokens, alone + each_alone * n_tokens)


def _time_generation(model: Any, prompt: list[int], n_rows: int) -> tuple[float, float]:
    """Seconds that some equal rows take together: to read their prompt, and for each token."""
    ids = torch.tensor([prompt] * n_rows)
    ends = [time.perf_counter()]

    def note(scores_of: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        ends.append(time.perf_counter())
        return scores

    with torch.inference_mode():
        model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=1 + MEASURED_TOKENS,
            min_new_tokens=1 + MEASURED_TOKENS,
            do_sample=False,
            logits_processor=transformers.LogitsProcessorList([note]),
        )
    steps = np.diff(ends)
    return float(steps[0]), float(np.median(steps[1:]))


def _computed(rows: GenerationRows, batch: np.ndarray) -> int:
    lengths = rows.lengths[batch]
    return int(lengths.sum()) if isinstance(rows, PackedRows) else len(batch) * int(lengths.max())
