"""How near a training step of `encoder.v1` comes to what the processor can multiply, and where the rest goes.

    python -m benchmarks.step_share [--rows 1024] [--steps 8] [--rounds 3] [--threads 1] [--output FILE]

The peak is the best rate of plain matrix products, measured between the steps: one large square, and the products of the
base's own layers with a batch's tokens, forward and backward. The step's rate is its operations by formula over its
processor time: two for each weight of a linear layer and each token forward, four backward, and those of the attention's
products; padding counts as work, as it is computed. Both in bf16 (where the processor has it) and in fp32. A profile of
torch then says how the step's time divides.
"""

import argparse
import csv
import json
import os
import statistics
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402

from metier.bases.huggingface_folder import load_model  # noqa: E402
from metier.bases.known_bases import load_tokenizer, resolve_base  # noqa: E402
from metier.bases.precision import has_native_bfloat16  # noqa: E402
from metier.features.tokenization import token_ids  # noqa: E402
from metier.machine import describe_machine  # noqa: E402
from metier.training.batching import TokenisedRows, plan_epoch  # noqa: E402
from metier.training.encoder_passes import fastest_attention  # noqa: E402
from metier.training.heads.token_model import PooledClassifier  # noqa: E402
from metier.training.learning_rate import parameter_groups  # noqa: E402
from metier.training.objectives import cross_entropy  # noqa: E402
from metier.training.vocabulary_compaction import CompactVocabulary  # noqa: E402
from metier.transformer.tuned.encoder import Encoder  # noqa: E402

PROJECT = Path(__file__).parents[1]
# What torch's own names of operators belong to; the first that is found in a name.
KINDS = {
    "matrix products of the layers": ("aten::mm", "aten::addmm"),
    "products of the attention": ("aten::bmm", "aten::baddbmm"),
    "activations and softmax": ("gelu", "softmax"),
    "norms": ("layer_norm",),
    "casts and copies": ("aten::copy_", "aten::_to_copy", "aten::to"),
    "optimizer and clipping": ("adamw", "AdamW", "vector_norm", "foreach", "aten::mul_"),
}


class Step:
    """Forward, backward, clipping and update, as `training.loop` does them, one batch at a time."""

    def __init__(self, ids: list[list[int]], truth: np.ndarray, *, bf16: bool):
        defaults, base = Encoder(), resolve_base("minilm")
        encoder = load_model(base)
        n_classes = int(truth.max()) + 1
        weight = np.zeros((n_classes, encoder.config.hidden_size))
        self.model = PooledClassifier(encoder, weight, np.zeros(n_classes), normalise=base.normalise)
        self.model.set_dropout(defaults.dropout)
        self.model.train()
        vocabulary = CompactVocabulary(encoder, ids, always=[self.model.pad_id])
        self.rows = TokenisedRows(vocabulary.translate(ids), truth, vocabulary.translate_one(self.model.pad_id))
        self.plan = plan_epoch(self.rows.lengths, token_budget=defaults.token_budget, epoch=0, random_state=0)
        groups = parameter_groups(
            encoder,
            self.model.head,
            learning_rate=1e-4,
            layer_decay=defaults.layer_decay,
            weight_decay=defaults.weight_decay,
        )
        self.weights = [weight for group in groups for weight in group["params"]]
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self.objective = cross_entropy(label_smoothing=defaults.label_smoothing)
        self.halved = torch.autocast("cpu", torch.bfloat16, enabled=bf16)

    def __call__(self, positions: np.ndarray) -> None:
        """Train on the rows of one batch."""
        batch = self.rows.batch(positions)
        with self.halved:
            loss = self.objective(self.model, batch)
        loss.backward()
        float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def operations(self, positions: np.ndarray) -> int:
        """Multiplications and additions of a step, by formula: forward once, backward twice."""
        longest = int(self.rows.lengths[positions].max())
        tokens = len(positions) * longest
        config = self.model.encoder.config
        linear = sum(
            module.weight.numel()
            for module in self.model.encoder.encoder.modules()
            if isinstance(module, torch.nn.Linear)
        )
        attention = 2 * config.num_hidden_layers * longest * config.hidden_size
        return 3 * 2 * tokens * (linear + attention)


def shapes(hidden: int, inner: int, tokens: int) -> dict[str, tuple[int, int, int]]:
    """The products that are timed: (rows, summed over, columns)."""
    return {
        "square of 2048": (2048, 2048, 2048),
        "tokens by attention": (tokens, hidden, hidden),
        "tokens by inner layer": (tokens, hidden, inner),
        "tokens back": (tokens, inner, hidden),
        "weight gradient": (hidden, tokens, inner),
    }


def product_rate(shape: tuple[int, int, int], dtype: torch.dtype, *, seconds: float = 0.3) -> float:
    """Best rate of one product in a while, GFLOP a second of the processor."""
    rows, inner, columns = shape
    left, right = torch.randn(rows, inner).to(dtype), torch.randn(inner, columns).to(dtype)
    repeats = max(1, round(2e9 / (rows * inner * columns)))
    taken: list[float] = []
    while sum(taken) < seconds or len(taken) < 3:
        begun = time.process_time()
        for _ in range(repeats):
            left @ right
        taken.append(time.process_time() - begun)
    return 2 * rows * inner * columns * repeats / min(taken) / 1e9


def measure(ids: list[list[int]], truth: np.ndarray, *, bf16: bool, steps: int, rounds: int) -> dict[str, Any]:
    """Rates of steps and products by turns, and a profile."""
    step = Step(ids, truth, bf16=bf16)
    config = step.model.encoder.config
    wanted = shapes(config.hidden_size, config.intermediate_size, Encoder().token_budget)
    peaks: dict[str, list[float]] = {name: [] for name in wanted}
    rates = []
    with fastest_attention(step.model.encoder, step.rows.lengths):
        for positions in step.plan[:2]:
            step(positions)
        for number in range(rounds):
            for name, shape in wanted.items():
                peaks[name].append(product_rate(shape, torch.bfloat16 if bf16 else torch.float32))
            batches = [step.plan[(number * steps + i) % len(step.plan)] for i in range(steps)]
            begun = time.process_time()
            for positions in batches:
                step(positions)
            rates.append(sum(map(step.operations, batches)) / (time.process_time() - begun) / 1e9)
        divided = profiled(step, step.plan[2 : 2 + steps])
    # The peak of a round is the best product of that round: a busy machine slows both.
    shares = [rate / max(values[number] for values in peaks.values()) for number, rate in enumerate(rates)]
    return {
        "peak_gflop_per_second": {name: round(statistics.median(values), 1) for name, values in peaks.items()},
        "step_gflop_per_second": [round(rate, 1) for rate in rates],
        "share_of_peak": round(statistics.median(shares), 3),
        "rounds": [round(share, 3) for share in shares],
        "share_of_time": divided,
    }


def profiled(step: Step, batches: list[np.ndarray]) -> dict[str, float]:
    """How the time of steps divides over kinds of operators; shares of 1."""
    with quiet(), profile(activities=[ProfilerActivity.CPU]) as found:
        for positions in batches:
            step(positions)
    spent = dict.fromkeys([*KINDS, "all else"], 0.0)
    for event in found.key_averages():
        spent[kind_of(event.key)] += event.self_cpu_time_total
    total = sum(spent.values())
    return {kind: round(value / total, 3) for kind, value in spent.items()}


def kind_of(operator: str) -> str:
    """The kind that an operator of torch belongs to."""
    for kind, names in KINDS.items():
        if any(operator == name if name.startswith("aten::") else name in operator for name in names):
            return kind
    return "all else"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the profiler's library writes on the error stream off the terminal."""
    kept = os.dup(2)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def read_rows(n_rows: int) -> tuple[list[list[int]], np.ndarray]:
    """Token ids and classes of random rows of banking77."""
    with (PROJECT / "examples" / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    picked = np.random.default_rng(0).choice(len(rows), n_rows, replace=False)
    labels = sorted({row["label"] for row in rows})
    base = resolve_base("minilm")
    ids = token_ids(load_tokenizer(base), [rows[i]["text"] for i in picked], prefix=base.prefix)
    return ids, np.array([labels.index(rows[i]["label"]) for i in picked])


def write_result(found: dict[str, Any], output: Path) -> None:
    """Write results with the machine they were measured on, and print them."""
    found |= {
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {"torch": torch.__version__},
        "machine": describe_machine().as_dict(),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=PROJECT / "benchmarks" / "results" / "step_share.json")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    ids, truth = read_rows(asked.rows)
    precisions = ["bf16", "fp32"] if has_native_bfloat16() else ["fp32"]
    found = {
        precision: measure(ids, truth, bf16=precision == "bf16", steps=asked.steps, rounds=asked.rounds)
        for precision in precisions
    }
    command = (
        f"python -m benchmarks.step_share --rows {asked.rows} --steps {asked.steps} --threads {asked.threads}"
    )
    facts = {"command": command, "rows": asked.rows, "threads": asked.threads}
    write_result({**facts, "precisions": found}, asked.output)


if __name__ == "__main__":
    main()
