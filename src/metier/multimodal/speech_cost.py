"""What tuning a speech model will cost on this machine, measured by a few real batches."""

import time

import numpy as np
import psutil
import torch

from metier.bases.precision import mixed_precision
from metier.multimodal.listening import Listening
from metier.multimodal.speech_model import SpeechModel
from metier.multimodal.speech_rows import SpeechRows
from metier.tasks.examples import Examples
from metier.tasks.method_contract import measuring_is_over
from metier.training.batching import plan_epoch
from metier.training.objectives.next_token import answer_cross_entropy
from metier.training.training_cost import BYTES_OF_FLOAT32, COPIES_OF_A_WEIGHT, Cost

MEASURED_ROWS = 24  # Evenly taken: their features are computed, and of all others it is told from them.
ENOUGH_SECONDS = 12.0


def measure_speech(
    listening: Listening, examples: Examples, model: SpeechModel, *, token_budget: int, n_batches: int
) -> Cost:
    """Time the features of some rows, and some batches of them forward, backward and step, the first not counted."""
    taken = np.linspace(0, len(examples) - 1, min(MEASURED_ROWS, len(examples))).astype(int)
    some = examples.take(taken)
    began = time.perf_counter()
    rows, _ = listening.rows(some.items, some.truth)
    per_features = (time.perf_counter() - began) / len(some)
    per_position, memory = _train_a_little(model, rows, token_budget=token_budget, n_batches=n_batches)
    per_row = per_position * float(rows.lengths.mean())
    held = sum(one.nbytes for one in rows.features) / len(rows) * len(examples)
    return Cost(
        per_row, per_row * len(examples), int(memory + held), seconds_before=per_features * len(examples)
    )


def _train_a_little(
    model: SpeechModel, rows: SpeechRows, *, token_budget: int, n_batches: int
) -> tuple[float, int]:
    """Give the seconds of a position that is computed, and the bytes at the peak."""
    plan = plan_epoch(rows.lengths, token_budget=token_budget, epoch=0, random_state=0)
    largest = max(plan, key=lambda batch: _computed(rows, batch))
    picked = [largest, *(plan[number % len(plan)] for number in range(n_batches))]
    weights = list(model.trained().values())
    optimizer = torch.optim.AdamW(weights, lr=0.0, fused=True)
    model.train()
    seconds, process = list[float](), psutil.Process()
    highest = process.memory_info().rss
    for positions in picked:
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision() == "bf16"):
            loss = answer_cross_entropy(model, rows.batch(positions))
        # Activations wait for the backward pass: here they all stand in memory.
        highest = max(highest, process.memory_info().rss)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - start)
        if len(seconds) > 1 and (sum(seconds) > ENOUGH_SECONDS or measuring_is_over()):
            break
    timed = zip(seconds[1:], picked[1:], strict=False)
    per_position = float(np.median([spent / _computed(rows, batch) for spent, batch in timed]))
    own = sum(weight.numel() for weight in weights) * COPIES_OF_A_WEIGHT * BYTES_OF_FLOAT32
    return per_position, highest + own


def _computed(rows: SpeechRows, batch: np.ndarray) -> int:
    return len(batch) * int(rows.lengths[batch].max())
