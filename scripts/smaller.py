"""Which smaller training of an encoder is best for the same time: on fewer rows, or of the upper layers alone.

    python scripts/smaller.py --data FOLDER [--rows N] [--only NAME,...]

Each line is a fit of three epochs with nothing chosen on validation rows, answered by the model in memory: seconds of
processor, and quality on 1,000 test rows with its 95 % interval. `--data` names a folder with the whole sets, as for
`scripts/results.py`. `top:2` trains two of the six layers over outputs of the others, which are computed once.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from metier.data import Rows, read
from metier.data.strata import part_of
from metier.evaluation.row_measures import interval_of
from metier.tasks.task_table import load_task
from metier.transformer.tuned.encoder import Encoder
from metier.transformer.tuned.relation_encoder import RelationEncoder
from metier.transformer.tuned.token_encoder import TokenEncoder

SETS: dict[str, tuple[str, str, str, str, Any]] = {
    "banking77": ("classification", "train.csv", "test.csv", "accuracy", Encoder),
    "csl_category_zh": ("classification", "train.csv", "test.csv", "accuracy", Encoder),
    "ncbi_disease": ("ner", "train.conll", "test.conll", "entity_f1", TokenEncoder),
    "semeval2010_task8": ("relation", "train.jsonl", "test.jsonl", "accuracy", RelationEncoder),
}
WAYS = (("full", 0.4), ("top:2", 1.0), ("full", 0.25), ("top:1", 1.0), ("full", 1.0))
EPOCHS, TEST_ROWS = 3, 1_000


def main() -> None:
    """Fit and print, one line a way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--only", default=",".join(SETS))
    asked = parser.parse_args()
    print("| set | trained | rows | processor | metric | quality [95 %] |\n|---|---|---:|---:|---|---|")
    for name in asked.only.split(","):
        task, train, test, metric, method = SETS[name]
        rows, held = drawn(asked.data / name / train, asked.rows), drawn(asked.data / name / test, TEST_ROWS)
        for adaptation, part in WAYS:
            some = part_of(rows, part, random_state=0)
            seconds, quality = fitted(method(adaptation=adaptation, epochs=EPOCHS), task, some, held, metric)
            cells = (name, adaptation, f"{len(some):,}", f"{seconds:.0f} s", metric, quality)
            print(f"| {' | '.join(cells)} |", flush=True)


def drawn(path: Path, most: int) -> Rows:
    """Read a file, and draw so many of its rows."""
    rows: Rows = read(path)
    if len(rows) <= most:
        return rows
    return rows.take(np.sort(np.random.default_rng(0).permutation(len(rows))[:most]))


def fitted(method: Any, task_name: str, rows: Rows, held: Rows, metric: str) -> tuple[float, str]:
    """Fit on some rows; gives seconds of processor, and the quality on others as a text."""
    task = load_task(task_name).from_rows(rows)
    start = time.process_time()
    method.set_params(stop_epoch=EPOCHS).fit(task.items(rows), task.targets(rows))
    seconds = time.process_time() - start
    found = interval_of(metric, task.targets(held), list(method.predict(task.items(held))))
    return seconds, f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


if __name__ == "__main__":
    main()
