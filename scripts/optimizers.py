"""What each optimizer and schedule comes to: `python scripts/optimizers.py [--rows 20] [--seeds 3] [--epochs 3]`.

Rows of banking77 (examples/banking77, CC BY 4.0): some of each label to learn from, 1,000 test rows. `encoder.v1` trains
the two upper layers of MiniLM and its head from the default rate of each optimizer. Prints accuracies in per cent over
seeds, seconds of training, and what the optimizer keeps beside the weights, in MB.
"""

import argparse
import csv
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from metier import catalogue
from metier.training.optimizer_names import FACTORS
from metier.training.optimizers import build_optimizer

ROWS = Path(__file__).resolve().parents[1] / "examples" / "banking77"
SCHEDULES = ("linear", "cosine", "constant", "one_cycle")
TEST_ROWS = 1_000


def main() -> None:
    """Print two tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20, help="Of each label.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    train, test = few(read("train.csv"), given.rows), read("test.csv")
    test = [test[place] for place in np.random.default_rng(0).permutation(len(test))[:TEST_ROWS]]
    print("| optimizer | accuracy % | seconds | kept beside 10 million weights, MB |\n|---|---|---|---|")
    for name in FACTORS:
        print(f"| `{name}` | {cells(given, train, test, optimizer=name)} | {kept_mb(name):.0f} |", flush=True)
    print("\n| schedule | accuracy % | seconds |\n|---|---|---|")
    for name in SCHEDULES:
        print(f"| `{name}` | {cells(given, train, test, schedule=name)} |", flush=True)


def cells(
    given: argparse.Namespace, train: list[tuple[str, str]], test: list[tuple[str, str]], **how: str
) -> str:
    """Train with each seed; give mean accuracy, its standard deviation and the mean time."""
    found, seconds = [], []
    for seed in range(given.seeds):
        method = catalogue.resolve("encoder.v1")(
            adaptation="top:2", epochs=given.epochs, random_state=seed, precision="fp32", **how
        )
        began = time.perf_counter()
        method.fit([text for text, _ in train], [label for _, label in train])
        seconds.append(time.perf_counter() - began)
        answers = np.asarray(method.predict([text for text, _ in test]))
        found.append(100 * float(np.mean(answers == np.array([label for _, label in test]))))
    return f"{np.mean(found):.1f} ± {np.std(found, ddof=min(1, len(found) - 1)):.1f} | {np.mean(seconds):.0f}"


def kept_mb(name: str) -> float:
    """Give the size of what an optimizer keeps for matrices of ten million weights."""
    weight = torch.nn.Parameter(torch.zeros(2_500, 4_000))
    optimizer = build_optimizer(name, [{"params": [weight], "lr": 1e-4, "weight_decay": 0.0}])
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    kept = [value for value in optimizer.state[weight].values() if torch.is_tensor(value)]
    return sum(value.numel() * value.element_size() for value in kept) / 1e6


def few(rows: list[tuple[str, str]], each: int) -> list[tuple[str, str]]:
    """Give the first rows of each label, in a mixed order."""
    by_label: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        by_label[row[1]].append(row)
    kept = [row for own in by_label.values() for row in own[:each]]
    return [kept[place] for place in np.random.default_rng(0).permutation(len(kept))]


def read(name: str) -> list[tuple[str, str]]:
    """Read a table of texts and labels."""
    with (ROWS / name).open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()
