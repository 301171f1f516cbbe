"""Pairs with images: does a text go with a photograph, and do two photographs show one product?

    python scripts/pairs.py --data FOLDER [--rows 1200]

FOLDER holds `data.csv` with the columns image, text, product and split. Half of the pairs belong together. Known products:
other photographs of products that were learned from; unseen: every product of the test pairs was left out of training.
Accuracy with its 95 % interval; the other half of the figures is chance, 0.5.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import metier
from metier import catalogue
from metier.evaluation import bootstrap_interval

FORMS = ("image and text", "image and image")


def pairs_of(rows: list[dict[str, str]], n_pairs: int, form: str, random: Any) -> tuple[list[Any], list[str]]:
    """Draw pairs, every other of which belongs together."""
    products = np.array([row["product"] for row in rows])
    items, labels = [], []
    for number in range(n_pairs):
        one = rows[random.integers(len(rows))]
        is_match = number % 2 == 0
        there = np.flatnonzero((products == one["product"]) == is_match)
        other = rows[random.choice(there)]
        beside = {"text_pair": other["text"]} if form == FORMS[0] else {"image_pair": other["image"]}
        items.append({"image": one["image"], **beside})
        labels.append("match" if is_match else "other")
    return items, labels


def accuracy(known: list[dict[str, str]], asked: list[dict[str, str]], n_pairs: int, form: str) -> str:
    """Fit on pairs of known rows, and measure on pairs of others."""
    random = np.random.default_rng(0)
    learned, test = (
        pairs_of(rows, size, form, random) for rows, size in ((known, n_pairs), (asked, n_pairs // 2))
    )
    fitted = catalogue.resolve("joint_pair.v1")().fit(*learned)
    right = (np.array(fitted.predict(test[0])) == np.array(test[1])).astype(np.int64)
    found = bootstrap_interval("accuracy", np.ones_like(right), right)
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def main() -> None:
    """Read the photographs, and print the figures as a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_200)
    asked = parser.parse_args()
    found = metier.read(
        asked.data / "data.csv", text="text", image="image", label="none", split="none", group="product"
    )
    columns = {name: found.table.column(name).to_pylist() for name in ("product", "split")}
    rows = [
        {"image": file, "text": text, "product": product, "split": split}
        for file, text, product, split in zip(found.image_files, found.texts, *columns.values(), strict=True)
    ]
    names = np.random.default_rng(0).permutation(sorted({row["product"] for row in rows}))
    away = set(names[: len(names) // 4])
    parts = {
        "known products": [[row for row in rows if row["split"] == part] for part in ("train", "test")],
        "unseen products": [
            [row for row in rows if (row["product"] in away) == is_away] for is_away in (False, True)
        ],
    }
    print("| pairs | known products | unseen products |\n| --- | --- | --- |")
    for form in FORMS:
        cells = [accuracy(*part, asked.rows, form) for part in parts.values()]
        print(f"| {form} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
