"""What tuning a network of images gains over the frozen one, on photographs and on drawings.

    python scripts/images.py --data FOLDER [--rows 800] [--only grocery_store] [--ablation] [--precision int8]

FOLDER holds `grocery_store` and `healthicons`, each with `data.csv` and `images/`. For every set and candidate it prints
accuracy on the test rows with its 95 % interval, the seconds of a fit and those of the processor in it (the first candidate
on an empty cache computes the vectors of all images, which the others take from there), the median milliseconds of an
answer on one thread, and the megabytes of `model.onnx`.
"""

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import metier
from metier.catalogue import resolve
from metier.evaluation.row_measures import interval_of
from metier.predictors import load_predictor
from metier.tasks.task_table import load_task

TIMED = 40


@dataclasses.dataclass(frozen=True)
class Set:
    """Rows of images: a folder of the data, and the column that is predicted."""

    name: str
    folder: str
    label: str


SETS = (
    Set("grocery_store, 43 labels", "grocery_store", "label"),
    Set("grocery_store, 81 products", "grocery_store", "product"),
    Set("healthicons, 21 labels (drawings)", "healthicons", "label"),
)
CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "frozen + linear": ("frozen_image.v1", {}),
    "tuned, top:6": ("image_encoder.v1", {}),
}
PLAIN = {"crop": 0.0, "flip": 0.0, "colour": 0.0}
ABLATION: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing augmented": ("image_encoder.v1", PLAIN),
    "crop alone": ("image_encoder.v1", {**PLAIN, "crop": 0.3}),
    "flip alone": ("image_encoder.v1", {**PLAIN, "flip": 0.5}),
    "colour alone": ("image_encoder.v1", {**PLAIN, "colour": 0.2}),
    "all and rotation": ("image_encoder.v1", {"rotation": 10.0}),
    "top:3": ("image_encoder.v1", {"adaptation": "top:3"}),
}


def main() -> None:
    """Read the arguments, and print a row for each set and candidate."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument(
        "--rows",
        type=int,
        default=10_000,
        help="at most so many rows to train, and to choose on, drawn at random",
    )
    parser.add_argument("--test-rows", type=int, default=10_000, help="at most so many test rows")
    parser.add_argument("--only", default="", help="sets whose name begins so")
    parser.add_argument("--ablation", action="store_true", help="also without parts of the defaults")
    parser.add_argument("--precision", default="fp32", help="fp32, int8 or auto")
    parser.add_argument("--epochs", type=int, help="other than the default")
    given = parser.parse_args()
    torch.set_num_threads(1)
    candidates = CANDIDATES | (ABLATION if given.ablation else {})
    print("| set | candidate | training rows | accuracy [95 % interval] | fit s | cpu s | answer ms | MB |")
    print("|---|---|---|---|---|---|---|---|")
    for one in SETS:
        if one.name.startswith(given.only):
            train, held, test = split(given.data, one, given.rows, given.test_rows)
            for called, (name, settings) in candidates.items():
                chosen = {**settings, "precision": given.precision}
                if given.epochs and name == "image_encoder.v1":
                    chosen["epochs"] = given.epochs
                print(line(one, called, name, chosen, train, held, test), flush=True)


def split(data: Path, one: Set, most: int, most_test: int) -> tuple[Any, Any, Any]:
    """Give training, validation and test rows; without rows of its own for validation, a sixth of the training rows."""
    rows = metier.read(data / one.folder / "data.csv", image="image", label=one.label, text="none")
    names = np.array(rows.values("split"))
    random = np.random.default_rng(0)
    train = random.permutation(np.flatnonzero(names == "train"))[:most]
    held = random.permutation(np.flatnonzero(names == "dev"))[:most]
    if len(held) == 0:
        held, train = train[: len(train) // 6], train[len(train) // 6 :]
    labels = np.array(rows.labels)
    known = set(labels[train])
    test = random.permutation(np.flatnonzero(names == "test"))[:most_test]
    held = [at for at in held if labels[at] in known]
    return rows.take(train), rows.take(held), rows.take([at for at in test if labels[at] in known])


def line(
    one: Set, called: str, name: str, settings: Mapping[str, Any], train: Any, held: Any, test: Any
) -> str:
    """Fit, export and ask a candidate; gives its row of the table."""
    task = load_task("classification").from_rows(train)
    method = resolve(name)(**settings)
    with tempfile.TemporaryDirectory() as folder:
        began, spent = time.perf_counter(), time.process_time()
        method.fit(task.items(train), task.targets(train), validation=(task.items(held), task.targets(held)))
        seconds, spent = time.perf_counter() - began, time.process_time() - spent
        place = Path(folder, "exported")
        method.export(place)
        predictor = load_predictor(place)
        items = task.items(test)
        predicted = list(predictor.predict(items).predicted)
        interval = interval_of("accuracy", task.targets(test), predicted)
        size = (place / "model.onnx").stat().st_size / 1e6
        answer_ms = np.median([_milliseconds(predictor, item) for item in items[:TIMED]])
    quality = f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
    return (
        f"| {one.name} | {called} | {len(train)} | {quality} | {seconds:.0f} | {spent:.0f} | {answer_ms:.0f} | "
        f"{size:.1f} |"
    )


def _milliseconds(predictor: Any, item: Any) -> float:
    began = time.perf_counter()
    predictor.predict([item])
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
