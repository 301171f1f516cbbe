"""Rows with images for the suites that compare what learns from them: each round a folder of CSV files and images.

`FOLDER/NAME/data.csv` has the columns `image`, `label`, `split` (train or test) and `title` or `text`; such a folder is
`healthicons` (drawings, whose title is the text) or `grocery_store` (photographs). A quarter of the rows of the split
`train` is for validation, which both sides choose on. Labels that are not in all three parts are left out.
"""

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

Row = dict[str, str]
VALIDATION_FRACTION = 0.25


def write_rows(
    folder: Path, source: Path, *, reads: Sequence[str], most: dict[str, int], seed: int
) -> dict[str, str]:
    """Write the parts of one round with their images; gives the paths of the parts.

    Parameters
    ----------
    folder : Path
        Where to write.
    source : Path
        The folder with `data.csv`.
    reads : sequence of {"text", "image"}
        The columns that a side may see.
    most : dict of str to int
        Most rows of `train`, `validation` and `test`.
    """
    parts = split(read(source, reads), most, np.random.default_rng(seed))
    for name, rows in parts.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*reads, "label"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        if "image" in reads:
            copy_images(rows, source, folder)
    return {name: str(folder / f"{name}.csv") for name in parts}


def read(source: Path, reads: Sequence[str]) -> list[Row]:
    """Give the rows of a set that have every column; the title, which says less than the whole text, is the text."""
    rows = [{**row, "text": row.get("title") or row["text"]} for row in read_csv(source / "data.csv")]
    return [row for row in rows if all(row[column] for column in reads)]


def read_csv(path: Path) -> list[Row]:
    """Give the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def split(rows: Sequence[Row], most: dict[str, int], random: np.random.Generator) -> dict[str, list[Row]]:
    """Give train, validation and test rows in random order, so many of each at most."""
    order = random.permutation(len(rows))
    parts: dict[str, list[Row]] = {"train": [], "validation": [], "test": []}
    for row in (rows[int(place)] for place in order):
        if row["split"] == "test":
            parts["test"].append(row)
        elif row["split"] == "train":
            parts["validation" if random.random() < VALIDATION_FRACTION else "train"].append(row)
    parts = {name: some[: most[name]] for name, some in parts.items()}
    shared = set.intersection(*({row["label"] for row in some} for some in parts.values()))
    return {name: [row for row in some if row["label"] in shared] for name, some in parts.items()}


def copy_images(rows: Sequence[Row], source: Path, folder: Path) -> None:
    """Put the images of rows where the CSV files name them."""
    for row in rows:
        place = folder / row["image"]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / row["image"], place)
