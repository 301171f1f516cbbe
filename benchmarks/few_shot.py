"""Few labels: `few_shot.v1` against the frozen base with logistic regression, on the same draws of banking77.

    python -m benchmarks.few_shot [--draws 5] [--per-class 8] [--threads 2] [--output FILE]

Each draw takes so many rows of every label at random from the training split, `draw` being the seed, and no other row
is seen before the test split is answered once. Both sides learn from the same rows with their default settings; the
embedding cache is empty for every fit, so that each pays for its vectors; the test split's frozen vectors are shared.
Differences are taken row by row within a
draw and averaged over draws; the interval is from a bootstrap over draws and, inside them, rows. Every finished fit is
kept in the output file, so an interrupted run resumes. Prints JSON.
"""

import argparse
import csv
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from metier.bases.precision import has_native_bfloat16
from metier.evaluation.calibration import log_loss
from metier.transformer.frozen.few_shot import FewShot
from metier.transformer.frozen.frozen_method import FrozenLinear

PROJECT = Path(__file__).parents[1]
SIDES = {
    "frozen_linear": lambda: FrozenLinear(base="minilm"),
    "few_shot": lambda: FewShot(base="minilm"),
    "few_shot, tuning tried": lambda: FewShot(base="minilm", steps=None),
}
RESAMPLES = 10_000


def read_split(split: str) -> tuple[list[str], list[str]]:
    """Texts and labels."""
    with (PROJECT / "examples" / "banking77" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def draw_rows(labels: list[str], *, per_class: int, draw: int) -> np.ndarray:
    """Positions of so many random rows of every label."""
    random = np.random.default_rng(draw)
    truth = np.array(labels)
    return np.concatenate(
        [random.permutation(np.flatnonzero(truth == label))[:per_class] for label in np.unique(truth)]
    )


def run(side: str, *, per_class: int, draw: int) -> dict:
    """Fit one side on one draw and answer the test split."""
    texts, labels = read_split("train")
    test_texts, truth = read_split("test")
    picked = draw_rows(labels, per_class=per_class, draw=draw)
    method = SIDES[side]()
    with fresh_cache():
        clock, processor = time.perf_counter(), time.process_time()
        method.fit([texts[i] for i in picked], [labels[i] for i in picked])
        taken = {
            "fit_seconds": time.perf_counter() - clock,
            "fit_processor_seconds": time.process_time() - processor,
        }
    clock = time.perf_counter()
    probabilities = method.predict_proba(test_texts)
    taken["answer_seconds"] = time.perf_counter() - clock
    numbers = np.searchsorted(method.classes_, truth)
    right = probabilities.argmax(axis=1) == numbers
    return {
        **{name: round(seconds, 2) for name, seconds in taken.items()},
        "accuracy": round(float(right.mean()), 5),
        "log_loss": round(log_loss(probabilities, numbers), 4),
        "right": "".join("1" if one else "0" for one in right),
        "chosen": {name: value for name, value in method.chosen_params_.items() if name != "base"},
        "facts": method.facts_,
        "load_average": round(os.getloadavg()[0], 1),
    }


@contextmanager
def fresh_cache() -> Iterator[None]:
    """Keep vectors in an empty folder for a while."""
    before = os.environ.get("METIER_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["METIER_CACHE"] = folder
        try:
            yield
        finally:
            os.environ.pop("METIER_CACHE")
            if before is not None:
                os.environ["METIER_CACHE"] = before


def compare(runs: dict[str, dict], one: str, other: str) -> dict | None:
    """The mean difference in accuracy over the draws that both have finished, with its 95 % interval."""
    draws = sorted(key.partition("/")[2] for key in runs if key.startswith(f"{one}/"))
    pairs = [
        (runs[f"{one}/{draw}"]["right"], runs[f"{other}/{draw}"]["right"])
        for draw in draws
        if f"{other}/{draw}" in runs
    ]
    if not pairs:
        return None
    differences = [np.array(list(own), dtype=int) - np.array(list(theirs), dtype=int) for own, theirs in pairs]
    random = np.random.default_rng(0)
    means = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        chosen = random.integers(len(differences), size=len(differences))
        means[number] = np.mean([random.choice(differences[i], len(differences[i])).mean() for i in chosen])
    low, high = np.quantile(means, [0.025, 0.975])
    return {
        "draws": len(pairs),
        "difference": round(float(np.mean([each.mean() for each in differences])), 5),
        "interval_95": [round(float(low), 5), round(float(high), 5)],
        "by_draw": [round(float(each.mean()), 5) for each in differences],
    }


def summarise(found: dict) -> dict:
    """Results over the draws."""
    runs = found["runs"]
    sides = {}
    for side in SIDES:
        own = [value for key, value in runs.items() if key.startswith(f"{side}/")]
        if own:
            sides[side] = {
                "draws": len(own),
                "accuracy_mean": round(statistics.mean(each["accuracy"] for each in own), 5),
                "log_loss_mean": round(statistics.mean(each["log_loss"] for each in own), 4),
                **{
                    f"{name}_median": round(statistics.median(each[name] for each in own), 2)
                    for name in ("fit_seconds", "fit_processor_seconds", "answer_seconds")
                },
            }
    return {
        "sides": sides,
        "over_frozen_linear": {
            side: compare(runs, side, "frozen_linear") for side in SIDES if side != "frozen_linear"
        },
    }


def main() -> None:
    """Run what is missing, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--per-class", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=PROJECT / "benchmarks" / "results" / "few_shot.json")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    setting = {
        "per_class": asked.per_class,
        "threads": asked.threads,
        "native_bfloat16": has_native_bfloat16(),
    }
    found = {**setting, "runs": {}}
    if asked.output.exists():
        before = json.loads(asked.output.read_text(encoding="utf-8"))
        if all(before.get(name) == value for name, value in setting.items()):
            found = before
    for side in SIDES:
        for draw in range(asked.draws):
            if f"{side}/{draw}" in found["runs"]:
                continue
            found["runs"][f"{side}/{draw}"] = run(side, per_class=asked.per_class, draw=draw)
            found["summary"] = summarise(found)
            asked.output.parent.mkdir(parents=True, exist_ok=True)
            asked.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summarise(found), indent=1))


if __name__ == "__main__":
    main()
