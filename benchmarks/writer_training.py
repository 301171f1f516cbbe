"""What an epoch of tuning a small causal model costs: ours against transformers and PEFT, same rows.

Both put low-rank matrices of the same rank beside the weights of the same base and read the same prompts and answers.
Plain: every linear layer of every layer, rows padded to the longest of a batch, the loss that transformers computes. Ours:
the upper fifth of the layers, over states of the others that are computed once, rows behind one another, the vocabulary's
product on the tokens of the answers alone. `ours, all layers` differs from plain by the packing and the product alone.
They run in turns, some batches each; tokens are counted without padding. Seconds are of the process, on one thread.

    python -m benchmarks.writer_training [--rounds 2] [--batches 6] [--rows 64] [--data FOLDER]
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from peft import LoraConfig, get_peft_model

import metier
from metier.bases.adaptation import AdaptationName
from metier.bases.generative_bases import load_language_model, resolve_generative_base
from metier.machine import describe_machine
from metier.tasks.generation import Generation, TextPairs, check_texts
from metier.training.batching import plan_epoch
from metier.training.objectives.next_token import answer_cross_entropy
from metier.transformer.generation.generation_examples import build_encoding
from metier.transformer.generation.generation_rows import GenerationRows
from metier.transformer.generation.kept_states import kept_states
from metier.transformer.generation.prepared_writer import prepare_writer

EXAMPLES = Path(__file__).parents[1] / "examples" / "scitldr" / "train.jsonl"
RANK, RATE, TOKENS = 16, 5e-4, 1024
INNER = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
Step = Callable[[np.ndarray], float]


def main() -> None:
    """Run the forms in turns and print one line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batches", type=int, default=6, help="Batches of each form in each round.")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--data", type=Path, default=EXAMPLES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    read = metier.read(options.data)
    table = read.take(range(min(options.rows, len(read))))
    task = Generation.from_rows(table)
    pairs = check_texts(task.items(table), task.targets(table))
    rows = encode(pairs, task)
    plan = plan_epoch(rows.lengths, token_budget=TOKENS, epoch=0, random_state=0)[: options.batches]
    forms = {"plain": plain(rows), "ours, all layers": ours(rows, 30), "ours": ours(rows, None)}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    losses: dict[str, list[float]] = {name: [] for name in forms}
    saved = {name: waiting_bytes(step, plan[0]) for name, step in forms.items()}
    for _ in range(options.rounds):
        for name, step in forms.items():
            begun = time.process_time()
            losses[name] += [step(batch) for batch in plan]
            seconds[name].append(time.process_time() - begun)
    n_tokens = sum(int(rows.lengths[batch].sum()) for batch in plan)
    for name in forms:
        say(
            name,
            {
                "tokens_per_cpu_second": [round(n_tokens / spent, 1) for spent in seconds[name]],
                "over_plain": [
                    round(base / own, 2) for base, own in zip(seconds["plain"], seconds[name], strict=True)
                ],
                "waiting_mb": round(saved[name] / 1e6),
                "loss": [round(loss, 4) for loss in losses[name]],
            },
        )
    say("machine", describe_machine())


def encode(pairs: TextPairs, task: Generation) -> GenerationRows:
    """The rows as prompts and answers of the packaged base."""
    encoding = build_encoding(
        resolve_generative_base("auto"),
        pairs,
        kind=task.kind,
        language=task.language,
        instruction=None,
        context=1024,
        max_new_tokens=None,
    )
    return encoding.rows(pairs)[0]


def plain(rows: GenerationRows) -> Step:
    """One step of plain fine-tuning on a batch."""
    torch.manual_seed(0)
    base = load_language_model(resolve_generative_base("auto"), dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=INNER))
    model.train()
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=RATE, fused=True)

    def step(positions: np.ndarray) -> float:
        batch = rows.batch(positions)
        loss = model(
            input_ids=batch.input_ids, attention_mask=batch.mask, labels=batch.labels, use_cache=False
        ).loss
        return stepped(loss, optimizer)

    return step


def ours(rows: GenerationRows, upper_layers: int | None) -> Step:
    """One step of ours on a batch; the states are computed now."""
    ready = prepare_writer(
        resolve_generative_base("auto"),
        AdaptationName("lora", RANK),
        [rows],
        upper_layers=upper_layers,
        n_steps=1,
        random_state=0,
    )
    optimizer = torch.optim.AdamW(list(ready.writer.trained().values()), lr=RATE, fused=True)
    before, begun = psutil.Process().memory_info().rss, time.process_time()
    holding = kept_states(ready.writer, ready.n_frozen, ready.parts)
    are_kept = holding.__enter__()
    say(
        "states below" if upper_layers is None else "no layers below",
        {
            "are_kept": are_kept,
            "tokens": int(rows.lengths.sum()),
            "cpu_seconds": round(time.process_time() - begun, 1),
            "memory_growth_mb": round((psutil.Process().memory_info().rss - before) / 1e6),
        },
    )
    ready.writer.train()
    HELD.append(holding)
    return lambda positions: stepped(
        answer_cross_entropy(ready.writer, ready.parts[0].batch(positions)), optimizer
    )


HELD: list[Any] = []  # What stands in for frozen layers does so until the end.


def waiting_bytes(step: Step, batch: np.ndarray) -> int:
    """What waits in memory for the backward pass of a batch, weights included; the step is not counted."""
    held: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        step(batch)
    return sum(held.values())


def stepped(loss: torch.Tensor, optimizer: torch.optim.Optimizer) -> float:
    """Learn from a loss; gives it."""
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def say(what: str, facts: Any) -> None:
    """Print one line of facts at once."""
    print(json.dumps({what: facts}, default=str, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
