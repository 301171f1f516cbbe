"""What teaching a model to write will cost on this machine, measured by a few real batches."""

import time

import numpy as np
import psutil
import torch

from metier.bases.precision import mixed_precision
from metier.tasks.method_contract import measuring_is_over
from metier.training.batching import plan_epoch
from metier.training.objectives.next_token import answer_cross_entropy
from metier.training.training_cost import BYTES_OF_FLOAT32, COPIES_OF_A_WEIGHT, Cost
from metier.transformer.generation.generation_rows import GenerationRows, Writer

MEASURED_PROMPTS = 25  # Of these the one of middle length is answered.
MEASURED_TOKENS = 6
ENOUGH_SECONDS = 12.0


def measure_writer(writer: Writer, rows: GenerationRows, *, token_budget: int, n_batches: int) -> Cost:
    """Time some batches of real rows, forward, backward and step, after one that is not counted."""
    plan = plan_epoch(rows.lengths, token_budget=token_budget, epoch=0, random_state=0)
    by_tokens = sorted(plan, key=lambda batch: _computed(rows, batch))
    picked = [by_tokens[-1], *(by_tokens[int(at)] for at in np.linspace(0, len(plan) - 1, n_batches + 2)[1:-1])]
    weights = list(writer.trained().values())
    optimizer = torch.optim.AdamW(weights, lr=0.0, fused=True)
    halved = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision() == "bf16")
    writer.train()
    seconds = []
    process = psutil.Process()
    highest = process.memory_info().rss
    for positions in picked:
        start = time.perf_counter()
        with halved:
            loss = answer_cross_entropy(writer, rows.batch(positions))
        # Activations wait for the backward pass: here they all stand in memory.
        highest = max(highest, process.memory_info().rss)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - start)
        if len(seconds) > 1 and (sum(seconds) > ENOUGH_SECONDS or measuring_is_over()):
            break  # One batch is enough for so slow a base; measuring must not use up the budget.
    per_token = np.median(
        [spent / _computed(rows, batch) for spent, batch in zip(seconds[1:], picked[1:], strict=False)]
    )
    per_epoch = float(per_token) * sum(_computed(rows, batch) for batch in plan)
    own = sum(weight.numel() for weight in weights) * COPIES_OF_A_WEIGHT * BYTES_OF_FLOAT32
    per_answer = _seconds_per_answer(writer, rows)
    return Cost(per_epoch / len(rows), per_epoch, int(highest + own), seconds_per_answer=per_answer)


def _seconds_per_answer(writer: Writer, rows: GenerationRows) -> float:
    """Seconds that torch takes to write an answer of average length to a prompt of average length."""
    prompts, answers = rows.parted(MEASURED_PROMPTS)
    prompt = sorted(prompts, key=len)[len(prompts) // 2]
    ids = torch.tensor([prompt])
    writer.eval()

    def seconds(n_tokens: int) -> float:
        start = time.perf_counter()
        with torch.inference_mode():
            writer.language_model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=n_tokens,
                min_new_tokens=n_tokens,
                do_sample=False,
            )
        return time.perf_counter() - start

    reading, more = seconds(1), seconds(1 + MEASURED_TOKENS)
    each = max(more - reading, 0.0) / MEASURED_TOKENS
    return reading + each * float(np.mean([len(answer) for answer in answers]))


def _computed(rows: GenerationRows, batch: np.ndarray) -> int:
    return len(batch) * int(rows.lengths[batch].max())
