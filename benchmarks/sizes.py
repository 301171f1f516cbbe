"""How the cost of fine-tuning grows with rows and with tokens a row; measured on steps, never on whole trainings.

    python -m benchmarks.sizes [--threads 1] [--output FILE] [--plot FILE]

Rows: banking77 repeated with noise (a word of each copy is changed for another row's, two others change places) to
1,000, 10,000 and 100,000. What an epoch does once for all rows is timed whole: tokenising, making the vocabulary
compact, planning the batches. Of its steps a few are timed, spread over the plan, and the epoch is their rate times the
tokens of the plan.

Tokens: texts concatenated and cut to 16 to 512 tokens, steps of the same budget. The base was trained on 256 at once and
reads longer texts in windows of that; its positions allow 512, so the step can be measured there. `plain_over_fused` is the
time of a step with plain attention to that with torch's fused one, by turns: what `training.encoder_passes` chooses by.

Memory is the most that the process has held so far; sizes come in rising order.
"""

import argparse
import csv
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.step_share import PROJECT, Step, write_result  # Sets the environment before torch is imported.

import numpy as np  # isort: skip
import torch  # isort: skip

from metier.bases.known_bases import load_tokenizer, resolve_base
from metier.bases.precision import has_native_bfloat16
from metier.features.tokenization import token_ids
from metier.training.batching import padding_fraction
from metier.training.encoder_passes import FUSED, PLAIN, fastest_attention

ROWS = (1_000, 10_000, 100_000)
TOKENS = (16, 32, 64, 128, 256, 512)
STEPS = 4
ROUNDS = 2


def main() -> None:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=PROJECT / "benchmarks" / "results" / "sizes.json")
    parser.add_argument("--plot", type=Path, default=PROJECT / "docs" / "images" / "cost_by_size.png")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    texts, truth = read()
    by_rows = [grow_rows(texts, truth, n_rows) for n_rows in ROWS]
    by_tokens = [grow_tokens(texts, n_tokens) for n_tokens in TOKENS]
    draw(by_rows, by_tokens, asked.plot)
    command = f"python -m benchmarks.sizes --threads {asked.threads}"
    write_result(
        {"command": command, "threads": asked.threads, "rows": by_rows, "tokens": by_tokens}, asked.output
    )


def read() -> tuple[list[str], np.ndarray]:
    """Texts and classes of banking77 in random order."""
    with (PROJECT / "examples" / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    labels = sorted({row["label"] for row in rows})
    return [row["text"] for row in rows], np.array([labels.index(row["label"]) for row in rows])


def repeated(texts: Sequence[str], n_rows: int) -> list[str]:
    """So many texts: the given ones, then noisy copies of them."""
    random = np.random.default_rng(0)
    words = [word for text in texts for word in text.split()]
    found = list(texts[:n_rows])
    while len(found) < n_rows:
        own = texts[len(found) % len(texts)].split()
        one, other = random.integers(len(own), size=2)
        own[one], own[other] = own[other], own[one]
        own[random.integers(len(own))] = words[random.integers(len(words))]
        found.append(" ".join(own))
    return found


def grow_rows(texts: Sequence[str], truth: np.ndarray, n_rows: int) -> dict[str, Any]:
    """What an epoch over so many rows costs."""
    many, base = repeated(texts, n_rows), resolve_base("minilm")
    begun = time.process_time()
    ids = token_ids(load_tokenizer(base), many, prefix=base.prefix)
    tokenising = time.process_time() - begun
    begun = time.process_time()
    step = Step(ids, np.resize(truth, n_rows), bf16=has_native_bfloat16())
    preparing = time.process_time() - begun
    lengths = step.rows.lengths
    sampled = [step.plan[i] for i in np.linspace(0, len(step.plan) - 1, STEPS).astype(int)]
    rate = tokens_per_second(step, sampled)
    computed = sum(len(batch) * int(lengths[batch].max()) for batch in step.plan)
    epoch = computed / rate
    return {
        "rows": n_rows,
        "tokenising_cpu_seconds": round(tokenising, 2),
        "preparing_cpu_seconds": round(preparing, 2),
        "steps": len(step.plan),
        "padding_fraction": round(padding_fraction(lengths, step.plan), 3),
        "tokens_per_cpu_second": round(rate),
        "epoch_cpu_seconds": round(epoch, 1),
        "examples_per_cpu_second": round(n_rows / epoch, 1),
        "peak_memory_mb": peak_memory_mb(),
    }


def grow_tokens(texts: Sequence[str], n_tokens: int) -> dict[str, Any]:
    """What rows of so many tokens cost."""
    base = resolve_base("minilm")
    tokenizer = load_tokenizer(base)
    begins, *_, ends = token_ids(tokenizer, ["a"], prefix="")[0]
    stream = [token for ids in token_ids(tokenizer, texts[:4_000], prefix="") for token in ids[1:-1]]
    inner = n_tokens - 2
    rows_needed = max(4, (STEPS + 1) * 1024 // n_tokens)
    starts = [(number * inner) % (len(stream) - inner) for number in range(rows_needed)]
    ids = [[begins, *stream[start : start + inner], ends] for start in starts]
    step = Step(ids, np.arange(rows_needed) % 77, bf16=has_native_bfloat16())
    rate = tokens_per_second(step, step.plan[:STEPS])
    turns = [
        {form: seconds_with(step, step.plan[:STEPS], form) for form in (PLAIN, FUSED)} for _ in range(ROUNDS)
    ]
    return {
        "tokens": n_tokens,
        "plain_over_fused": [round(turn[PLAIN] / turn[FUSED], 2) for turn in turns],
        "rows_a_batch": len(step.plan[0]),
        "tokens_per_cpu_second": round(rate),
        "examples_per_cpu_second": round(rate / n_tokens, 2),
        "cpu_ms_a_row": round(n_tokens / rate * 1000, 2),
        "peak_memory_mb": peak_memory_mb(),
    }


def tokens_per_second(step: Step, batches: Sequence[np.ndarray]) -> float:
    """Tokens, padding included, that steps of these batches compute in a second of the processor."""
    with fastest_attention(step.model.encoder, step.rows.lengths):
        step(batches[0])
        begun = time.process_time()
        for batch in batches:
            step(batch)
        spent = time.process_time() - begun
    return sum(len(batch) * int(step.rows.lengths[batch].max()) for batch in batches) / spent


def seconds_with(step: Step, batches: Sequence[np.ndarray], attention: str) -> float:
    """Processor seconds of steps with a form of attention."""
    step.model.encoder.set_attn_implementation(attention)
    step(batches[0])
    begun = time.process_time()
    for batch in batches:
        step(batch)
    return time.process_time() - begun


def peak_memory_mb() -> int:
    """The most memory this process has held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def draw(by_rows: list[dict[str, Any]], by_tokens: list[dict[str, Any]], path: Path) -> None:
    """Draw both growths on logarithmic axes, with the straight line of a cost that only multiplies."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    plot(left, by_rows, "rows", "epoch_cpu_seconds")
    left.set(xlabel="rows", ylabel="seconds of the processor", title="An epoch over short texts")
    plot(right, by_tokens, "tokens", "cpu_ms_a_row")
    right.set(
        xlabel="tokens a row", ylabel="milliseconds of the processor", title="A row, forward and backward"
    )
    for axes in (left, right):
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def plot(axes: Any, points: list[dict[str, Any]], across: str, up: str) -> None:
    """Points as measured, and what the first would be in proportion."""
    x, y = [point[across] for point in points], [point[up] for point in points]
    axes.set(xscale="log", yscale="log")
    axes.plot(x, y, "o-", label="measured")
    axes.plot(x, [y[0] * value / x[0] for value in x], ":", color="grey", label="in proportion")
    axes.set_xticks(x, [f"{value:,}" for value in x])
    axes.minorticks_off()


if __name__ == "__main__":
    main()
