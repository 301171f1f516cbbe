"""Every adaptation on real rows: trained weights, scores and costs, written to docs/adaptations.md.

    python scripts/adaptations.py [--data FOLDER] [--rows N] [--test-rows N] [--epochs E] [--only NAME,…]
                                  [--sets NAME,…] [--minutes M]

Each cell is measured in its own process, because of memory; existing cells are not repeated, so an interrupted
table resumes. `--data` names a folder with the whole sets; without it the examples' samples are taken.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.data import Rows, read
from metier.evaluation.row_measures import interval_of
from metier.predictors.loading import load_predictor
from metier.tasks.task_table import load_task
from metier.transformer.tuned.encoder import Encoder
from metier.transformer.tuned.token_encoder import TokenEncoder

PROJECT = Path(__file__).parents[1]
CELLS = PROJECT / "runs" / "adaptations"
PAGE = PROJECT / "docs" / "adaptations.md"
ADAPTATIONS = (
    *("full", "head", "top:1", "top:2", "lora:8", "adalora:8"),
    *("prefix:16", "prompt:16", "adapter:48", "bitfit", "ia3"),
)
SETS = {
    "banking77": ("classification", "csv", "accuracy", Encoder),
    "ncbi_disease": ("ner", "conll", "entity_f1", TokenEncoder),
}
TIMED_ROWS, ROUNDS = 200, 3
EXPLAINED = """\
`metier train --adaptation NAME`, or the argument `adaptation` of every method with a base. Layers, rank, vectors or
width follow the colon. `full`, `head`, `top`, `lora`, `adalora`, `bitfit` and `ia3` are merged, so the result is a
plain encoder; `prefix`, `prompt` and `adapter` keep additional weights in the exported graph and beside the base's
weights in the Hugging Face folder.

With `head` and `top` the outputs of frozen layers are computed once and kept in the user's cache, in bf16, up to
`METIER_PREFIX_CACHE_GB` gigabytes (4; 0 keeps none); later epochs and later trainings over the same layers read them.

Base `{base}`, {epochs} epochs, no choices on validation; the exported fp32 graph answers the test rows. *Epoch* is
the time of a second epoch over {timed} rows relative to full fine-tuning, measured alternately in one process; the
outputs of frozen layers were cached before. *Memory* is the growth of the process during training (resident set,
after a forward pass). *Size* is that of the bundle's files without the Hugging Face folder. *Reloaded* is the largest
difference between the outputs of the trained encoder and of the one loaded from that folder. `full` does not train
100 % of the weights because the embeddings of words that no row uses are left out."""


def main() -> None:
    """Fill the cells that are not there, and write the page."""
    asked = parse()
    if asked.cell:
        print(json.dumps(measure(asked, *asked.cell.split("/"))))
        return
    start = time.monotonic()
    for adaptation in asked.only.split(","):
        for name in asked.sets.split(","):
            file = cell_file(asked, name, adaptation)
            if file.exists() or time.monotonic() - start > asked.minutes * 60:
                continue
            print(f"{name}: {adaptation}", file=sys.stderr, flush=True)
            command = [sys.executable, __file__, *settings_of(asked), "--cell", f"{name}/{adaptation}"]
            # Our own script, with our own arguments.
            found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(found.stdout.splitlines()[-1] + "\n", encoding="utf-8")
    PAGE.write_text(page(asked), encoding="utf-8")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=PROJECT / "examples")
    parser.add_argument("--rows", type=int, default=0, help="training rows, evenly over the file; 0: all")
    parser.add_argument("--test-rows", type=int, default=0, help="test rows, evenly over the file; 0: all")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no cell after so many minutes")
    parser.add_argument("--base", default="minilm")
    parser.add_argument("--only", default=",".join(ADAPTATIONS))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    return parser.parse_args()


def settings_of(asked: argparse.Namespace) -> list[str]:
    """What a cell depends on, as arguments."""
    names = ("data", "rows", "test_rows", "epochs", "base")
    return [str(part) for name in names for part in (f"--{name.replace('_', '-')}", getattr(asked, name))]


def cell_file(asked: argparse.Namespace, name: str, adaptation: str) -> Path:
    """File of the results of a cell."""
    source = "sample" if asked.data == PROJECT / "examples" else "whole"
    how = f"{asked.base}-{source}-{asked.rows}-{asked.test_rows}-{asked.epochs}"
    return CELLS / how / f"{name}-{adaptation.replace(':', '-')}.json"


def rows_of(asked: argparse.Namespace, name: str, split: str) -> tuple[list[Any], list[Any]]:
    """Read one split: what is asked, and what is to be answered."""
    task_name, ending, _, _ = SETS[name]
    rows: Rows = read(asked.data / name / f"{split}.{ending}")
    most = asked.rows if split == "train" else asked.test_rows
    if 0 < most < len(rows):
        rows = rows.take(np.linspace(0, len(rows) - 1, most).astype(int))
    task = load_task(task_name).from_rows(rows)
    return list(task.items(rows)), list(task.targets(rows))


def measure(asked: argparse.Namespace, name: str, adaptation: str) -> dict[str, Any]:
    """Train, export, predict, reload; and time epochs alternately with full fine-tuning."""
    _, _, metric, method_class = SETS[name]
    items, targets = rows_of(asked, name, "train")
    test_items, truth = rows_of(asked, name, "test")
    base = str(resolve_base(asked.base).folder) if asked.base not in ("minilm",) else asked.base
    method = method_class(
        base=base, adaptation=adaptation, epochs=asked.epochs, precision="fp32", **settled(name)
    )
    start = time.perf_counter()
    method.set_params(stop_epoch=asked.epochs).fit(items, targets)
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        method.export(Path(folder))
        answers = load_predictor(Path(folder)).predict(test_items)
        answered = (
            [answers.labels[best] for best in answers.best] if metric == "accuracy" else answers.predicted
        )
        size = sum(file.stat().st_size for file in Path(folder).glob("*") if file.is_file())
        again = load_model(resolve_base(str(Path(folder, "huggingface"))))
        difference = largest_difference(method.model_.encoder.eval(), again)
    found = interval_of(metric, truth, answered)
    facts = method.facts_
    return {
        "rows": len(items),
        "test_rows": len(test_items),
        "quality": vars(found),
        "weights_trained": facts["weights_trained"],
        "weights_all": facts["weights_all"],
        "memory_growth_bytes": facts["memory_growth_bytes"],
        "fit_seconds": seconds,
        "size_bytes": size,
        "largest_difference": difference,
        "epoch_ratio": epoch_ratio(method, items, targets),
    }


def settled(name: str) -> dict[str, Any]:
    """Settings that validation would choose, so that all rows are for training."""
    if name == "banking77":
        return {"C": 0.03, "temperature": 1.0}
    return {"outside_bias": 0.0, "calibration": (1.0, 0.0)}


def largest_difference(encoder: Any, again: Any) -> float:
    """Largest difference between the outputs of the reloaded encoder and of the trained one."""
    ids = torch.arange(8 * 12).reshape(8, 12) % int(encoder.config.vocab_size)
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.inference_mode():
        one, other = (each(**given).last_hidden_state for each in (encoder, again))
    return float((one - other).abs().max())


def epoch_ratio(method: Any, items: list[Any], targets: list[Any]) -> float:
    """Time an epoch of this adaptation and of full fine-tuning by turns; the median ratio of a round."""
    step = max(1, len(items) // TIMED_ROWS)
    some, their = items[::step][:TIMED_ROWS], targets[::step][:TIMED_ROWS]
    ratios = []
    for _ in range(ROUNDS):
        seconds = []
        for adaptation in (method.adaptation, "full"):
            own = clone(method).set_params(adaptation=adaptation, epochs=2, stop_epoch=2).fit(some, their)
            first, second = (epoch["seconds"] for epoch in own.facts_["epochs"])
            seconds.append(second - first)
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))


def page(asked: argparse.Namespace) -> str:
    """Write the page from the cells."""
    shown = shlex.join(["python", "scripts/adaptations.py", *sys.argv[1:]]).replace(str(asked.data), "DATA")
    text = ["# Adaptations", "", "What each way of training a base reaches and costs. Written by:", ""]
    text += [f"    {shown}", "", EXPLAINED.format(base=asked.base, epochs=asked.epochs, timed=TIMED_ROWS), ""]
    for name in asked.sets.split(","):
        text += table(asked, name)
    return "\n".join(text)


def table(asked: argparse.Namespace, name: str) -> list[str]:
    """One set's rows of the page."""
    cells = {
        adaptation: json.loads(cell_file(asked, name, adaptation).read_text(encoding="utf-8"))
        for adaptation in asked.only.split(",")
        if cell_file(asked, name, adaptation).exists()
    }
    if not cells:
        return [f"## {name}", "", "Not measured yet.", ""]
    task, _, metric, _ = SETS[name]
    first = next(iter(cells.values()))
    lines = [
        f"## {name} ({task})",
        "",
        f"{first['rows']:,} training rows, {first['test_rows']:,} test rows.",
        "",
        f"| adaptation | weights trained | share | {metric} [95 %] | epoch | memory | size | reloaded |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for adaptation, cell in cells.items():
        quality = cell["quality"]
        lines.append(
            f"| `{adaptation}` | {cell['weights_trained']:,} | {cell['weights_trained'] / cell['weights_all']:.2%} | "
            f"{quality['value']:.3f} [{quality['low']:.3f}, {quality['high']:.3f}] | {cell['epoch_ratio']:.2f} | "
            f"{cell['memory_growth_bytes'] / 1e6:,.0f} MB | {cell['size_bytes'] / 1e6:.1f} MB | "
            f"{cell['largest_difference']:.0e} |"
        )
    return [*lines, ""]


if __name__ == "__main__":
    main()
