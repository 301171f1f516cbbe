"""Training throughput against the Hugging Face Trainer: same model, rows and threads, in turn in one process.

    python -m benchmarks.training_speed [--rows 1024] [--rounds 3] [--threads 2] [--output FILE]

Three ways to fine-tune all-MiniLM-L6-v2 on the same random rows of banking77, one epoch each:

tutorial
    The Trainer as its tutorials write it: every row padded to 128 tokens, float32, batches of 32, defaults.
best
    The Trainer at its best here: rows padded to the longest of their batch, grouped by length, bfloat16 where
    the processor multiplies it natively (elsewhere it is emulated and slower).
ours
    The loop of `encoder.v1` with its default settings.

Ours differs from the Trainer in more than batching: it trains without dropout, with plain attention, and only the
word vectors that the rows use (the result is the same as with all). `--ablation` times ours with each of the three
put back. Loading
and tokenising are left out on every side. Disturbances of the machine hit all sides alike, so ratios are taken
within a round, and the median of the rounds is reported: of the time on the clock, and of processor time, which
is the steadier one on a busy machine. Prints JSON.
"""

import argparse
import csv
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# As the command line sets it, for every side: on a busy machine threads that spin while they wait take turns badly.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

from metier.bases.huggingface_folder import load_model  # noqa: E402
from metier.bases.known_bases import load_tokenizer, resolve_base  # noqa: E402
from metier.bases.precision import has_native_bfloat16, mixed_precision  # noqa: E402
from metier.features.tokenization import token_ids  # noqa: E402
from metier.training.batching import TokenisedRows, plan_epoch  # noqa: E402
from metier.training.encoder_passes import fastest_attention  # noqa: E402
from metier.training.heads.token_model import PooledClassifier  # noqa: E402
from metier.training.learning_rate import parameter_groups  # noqa: E402
from metier.training.loop import Loop, LoopSettings  # noqa: E402
from metier.training.objectives import cross_entropy  # noqa: E402
from metier.training.vocabulary_compaction import CompactVocabulary  # noqa: E402
from metier.transformer.tuned.encoder import Encoder  # noqa: E402

PROJECT = Path(__file__).parents[1]
PADDED_LENGTH, BATCH_ROWS = 128, 32

Timing = tuple[dict[str, float], int]


def read_rows(n_rows: int) -> tuple[list[str], np.ndarray]:
    """A fixed random sample of the training rows."""
    with (PROJECT / "examples" / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    picked = np.random.default_rng(0).choice(len(rows), n_rows, replace=False)
    labels = sorted({row["label"] for row in rows})
    return [rows[i]["text"] for i in picked], np.array([labels.index(rows[i]["label"]) for i in picked])


class Dataset(torch.utils.data.Dataset):
    """What the Trainer reads: one mapping a row."""

    def __init__(self, ids: list[list[int]], truth: np.ndarray, *, length: int | None):
        self.rows = [self._row(row, int(label), length) for row, label in zip(ids, truth, strict=True)]

    @staticmethod
    def _row(ids: list[int], label: int, length: int | None) -> dict:
        ids = ids[:length]
        padding = 0 if length is None else length - len(ids)
        mask = [1] * len(ids) + [0] * padding
        return {"input_ids": ids + [0] * padding, "attention_mask": mask, "labels": label}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        return self.rows[index]


def time_trainer(
    folder: Path, ids: list[list[int]], truth: np.ndarray, *, at_its_best: bool
) -> tuple[float, int]:
    """Seconds of one epoch of the Trainer, and the tokens it computed."""
    transformers.set_seed(0)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=int(truth.max()) + 1
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    own = {"train_sampling_strategy": "group_by_length", "bf16": has_native_bfloat16()} if at_its_best else {}
    arguments = transformers.TrainingArguments(
        output_dir="unused",
        num_train_epochs=1,
        per_device_train_batch_size=BATCH_ROWS,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        **own,
    )
    computed = 0
    collate = (
        transformers.DataCollatorWithPadding(tokenizer) if at_its_best else transformers.default_data_collator
    )

    def counting(features: list[dict]) -> dict:
        nonlocal computed
        batch = collate(features)
        computed += batch["input_ids"].numel()
        return batch

    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=Dataset(ids, truth, length=None if at_its_best else PADDED_LENGTH),
        data_collator=counting,
    )

    def run() -> int:
        trainer.train()
        return computed

    return timed(run)


def time_ours(
    base,
    ids: list[list[int]],
    truth: np.ndarray,
    *,
    dropout: float | None = None,
    whole_vocabulary: bool = False,
    fused_attention: bool = False,
) -> Timing:
    """Seconds of one epoch of our loop, and the tokens it computed."""
    defaults = Encoder()
    encoder = load_model(base)
    n_classes = int(truth.max()) + 1
    weight = np.zeros((n_classes, encoder.config.hidden_size))
    model = PooledClassifier(encoder, weight, np.zeros(n_classes), normalise=base.normalise)
    model.set_dropout(defaults.dropout if dropout is None else dropout)

    put_back = {"whole_vocabulary": whole_vocabulary, "fused_attention": fused_attention}
    return timed(lambda: our_epoch(model, ids, truth, **put_back))


def our_epoch(
    model: PooledClassifier,
    ids: list[list[int]],
    truth: np.ndarray,
    *,
    whole_vocabulary: bool,
    fused_attention: bool,
) -> int:
    """Train for an epoch as `Encoder` does; gives the tokens that were computed."""
    defaults = Encoder()
    rows = TokenisedRows(ids, truth, model.pad_id)
    if not whole_vocabulary:
        vocabulary = CompactVocabulary(model.encoder, ids, always=[model.pad_id])
        rows = TokenisedRows(vocabulary.translate(ids), truth, vocabulary.translate_one(model.pad_id))
    plan = plan_epoch(rows.lengths, token_budget=defaults.token_budget, epoch=0, random_state=0)
    groups = parameter_groups(
        model.encoder,
        model.head,
        learning_rate=1e-4,
        layer_decay=defaults.layer_decay,
        weight_decay=defaults.weight_decay,
    )
    with nullcontext() if fused_attention else fastest_attention(model.encoder):
        Loop(
            model,
            rows,
            groups=groups,
            plan=lambda epoch: plan,
            objective=cross_entropy(label_smoothing=defaults.label_smoothing),
            settings=LoopSettings(epochs=1),
            mixed_precision=mixed_precision(),
        ).run()
    if not whole_vocabulary:
        vocabulary.restore()
    return sum(len(batch) * int(rows.lengths[batch].max()) for batch in plan)


def matmul_peak() -> float:
    """Best rate of a large matrix product seen in a second, GFLOP/s: what no training here can pass."""
    left, right = torch.randn(2048, 2048), torch.randn(2048, 2048)
    seconds = []
    while sum(seconds) < 1 or len(seconds) < 3:
        start = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(seconds) / 1e9


def timed(run: Callable[[], int]) -> tuple[dict[str, float], int]:
    """Seconds on the clock and of the processors, and what `run` gave back."""
    clock, processor = time.perf_counter(), time.process_time()
    computed = run()
    return {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}, computed


def summarise_side(
    seconds: list[dict[str, float]], computed: int, tokens: int, n_rows: int, peak: float
) -> dict:
    """Figures of one side."""
    # Two operations forward and four backward for each weight of the layers and each token; the attention's own
    # share is under 2 % at 20 tokens.
    operations = 6 * (6 * 12 * 384 * 384) * computed
    typical = statistics.median(taken["clock"] for taken in seconds)
    rate = operations / typical / 1e9
    return {
        "examples_per_second": round(n_rows / typical, 1),
        "examples_per_processor_second": round(n_rows / statistics.median(t["processor"] for t in seconds), 1),
        "seconds": [round(taken["clock"], 2) for taken in seconds],
        "padding_fraction": round(1 - tokens / computed, 3),
        "gflop_per_second": round(rate, 1),
        "share_of_matmul_peak": round(rate / peak, 2),
    }


def ratios(seconds: list[dict[str, float]], ours: list[dict[str, float]]) -> dict:
    """How many times faster ours is, by either time; the median and each round."""
    found = {}
    for kind in ("clock", "processor"):
        rounds = [theirs[kind] / own[kind] for theirs, own in zip(seconds, ours, strict=True)]
        found[kind] = {
            "median": round(statistics.median(rounds), 2),
            "rounds": [round(ratio, 2) for ratio in rounds],
        }
    return found


def main() -> None:
    """Time the sides in turn and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument(
        "--without-tutorial", action="store_true", help="For more rows than it would get through."
    )
    parser.add_argument(
        "--output", type=Path, default=PROJECT / "benchmarks" / "results" / "training_speed.json"
    )
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    texts, truth = read_rows(asked.rows)
    base = resolve_base("minilm")
    ids = token_ids(load_tokenizer(base), texts, prefix=base.prefix)
    sides = {
        "tutorial": lambda: time_trainer(base.folder, ids, truth, at_its_best=False),
        "best": lambda: time_trainer(base.folder, ids, truth, at_its_best=True),
        "ours": lambda: time_ours(base, ids, truth),
    }
    if asked.without_tutorial:
        del sides["tutorial"]
    if asked.ablation:
        sides["ours, dropout 0.1"] = lambda: time_ours(base, ids, truth, dropout=0.1)
        sides["ours, fused attention"] = lambda: time_ours(base, ids, truth, fused_attention=True)
        sides["ours, whole vocabulary"] = lambda: time_ours(base, ids, truth, whole_vocabulary=True)
    time_ours(base, ids[:64], truth[:64])  # The first products of a process set the libraries up.
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    computed, peaks = {}, []
    for _ in range(asked.rounds):
        peaks.append(matmul_peak())
        for name, run in sides.items():
            taken, computed[name] = run()
            seconds[name].append(taken)
    peak = statistics.median(peaks)
    tokens = sum(map(len, ids))
    found = {
        "command": " ".join(["python -m benchmarks.training_speed", *sys.argv[1:]]),
        "rows": asked.rows,
        "rounds": asked.rounds,
        "threads": asked.threads,
        "native_bfloat16": has_native_bfloat16(),
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "matmul_peak_gflop_per_second": [round(value, 1) for value in peaks],
        "sides": {
            name: summarise_side(taken, computed[name], tokens, asked.rows, peak)
            for name, taken in seconds.items()
        },
        "times_faster_than": {
            name: ratios(taken, seconds["ours"]) for name, taken in seconds.items() if name != "ours"
        },
    }
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
