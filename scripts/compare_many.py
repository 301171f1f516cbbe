"""How long it takes to compare many runs: copies of one run whose recommended candidate answers differently.

    python scripts/compare_many.py runs/mine --runs 100

Prints CPU seconds of this process: of reading and comparing all, without importing the program and making the copies.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

import metier
from metier.runs.run_folder import RunFolder


def copies(run: Path, folder: Path, number: int) -> list[Path]:
    """Copy a run so often, each with other answers to the test rows, from half of them right to nearly all."""
    answered = (run / "best").resolve().name
    kept = RunFolder(run).truth("test")
    if kept is None:
        raise SystemExit(f"{run} kept no truth of its test rows. Train it with this release.")
    truth, rng = kept[0], np.random.default_rng(0)
    made = []
    for place in range(number):
        copy = folder / f"run-{place}"
        shutil.copytree(run, copy, symlinks=True)
        share = 0.5 + 0.45 * place / number
        others = rng.permutation(truth).tolist()
        pairs = zip(truth, others, rng.random(len(truth)) < share, strict=True)
        lines = [json.dumps([label if is_right else other, None]) for label, other, is_right in pairs]
        (copy / "answers" / f"{answered}.test.jsonl").write_text("\n".join(lines) + "\n", "ascii")
        made.append(copy)
    return made


def main() -> None:
    """Copy, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--runs", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = copies(asked.run, Path(folder), asked.runs)
        metier.compare(made[:2])  # Imports what it needs.
        for against in ("first", "best"):
            for metric in (None, "macro_f1"):
                start, begun = time.process_time(), time.perf_counter()
                found = metier.compare(made, against=against, metric=metric)
                spent, waited = time.process_time() - start, time.perf_counter() - begun
                rows, used = found.facts["rows"], found.facts["metric"]
                print(
                    f"{asked.runs} runs against the {against}, {used}, {rows} rows: {spent:.1f} CPU s ({waited:.1f} s)"
                )


if __name__ == "__main__":
    main()
