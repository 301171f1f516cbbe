"""A folder of rows: one sub-folder per label, or data files of one shape."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from metier.data.formats.batches import Batches, tables_of_records
from metier.data.formats.data_file import DataFile, is_data_file
from metier.data.formats.encoding import choose_encoding, undecodable_line
from metier.errors import EmptyDataError
from metier.figures import count_of
from metier.image.decoding import SUFFIXES

# Names of files and values of a split column, and the split they mean.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def labelled_texts(folder: Path) -> list[Path]:
    """Give the .txt files of a folder whose sub-folders are labels, sorted; empty for other folders."""
    return sorted(path for path in folder.glob("*/*.txt") if path.is_file() and not _is_hidden(path))


def data_files(folder: Path) -> list[Path]:
    """Give the data files directly in a folder, sorted by name.

    Raises
    ------
    EmptyDataError
        If there is none.
    """
    files = sorted(path for path in folder.iterdir() if is_data_file(path))
    # One text line files beside tables is a note (README.txt), not data.
    tables = [path for path in files if ".txt" not in path.suffixes]
    if not files:
        raise EmptyDataError(
            f"The folder {folder} holds no rows. Put data files in it (.csv, .jsonl, .parquet, …), "
            "or one sub-folder per label with one .txt file per text or one image file per image."
        )
    return tables or files


def split_of(path: Path) -> str | None:
    """Give the split of a file by its name: `train.csv` is `train`, `dev.jsonl.gz` is `validation`."""
    return SPLIT_NAMES.get(path.name.partition(".")[0].lower())


def read_labelled_texts(folder: Path, *, encoding: str | None, batch_rows: int) -> Batches:
    """Read each .txt file as one text whose label is the name of its sub-folder."""
    paths = labelled_texts(folder)
    as_file = DataFile(folder, "text lines", gzipped=False)
    others = sum(
        1 for path in folder.glob("*/*") if path.is_file() and path.suffix != ".txt" and not _is_hidden(path)
    )
    notes = [f"each sub-folder of {folder} is a label, each .txt file in it a text"]
    if others:
        notes.append(f"skipped {count_of(others, 'file')} not named .txt")
    return Batches(
        tables_of_records(_texts(paths, encoding), file=as_file, batch_rows=batch_rows), tuple(notes)
    )


def _texts(paths: list[Path], encoding: str | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, path in enumerate(paths, 1):
        file = DataFile(path, "text lines", gzipped=False)
        content = path.read_bytes()
        found = "utf-8" if not content else choose_encoding(file, encoding)[0]
        try:
            text = content.decode(found)
        except UnicodeDecodeError:
            raise undecodable_line(file, found) from None
        yield (
            number,
            {"text": text.strip(), "label": path.parent.name, "file": f"{path.parent.name}/{path.name}"},
        )


def labelled_images(folder: Path) -> list[Path]:
    """Give the images of a folder whose sub-folders are labels, sorted; empty for other folders."""
    return sorted(path for path in folder.glob("*/*") if _is_image(path))


def read_labelled_images(folder: Path, *, batch_rows: int) -> Batches:
    """Read each image file as one image whose label is the name of its sub-folder."""
    paths = labelled_images(folder)
    as_file = DataFile(folder, "images", gzipped=False)
    others = sum(1 for path in folder.glob("*/*") if path.is_file() and not _is_hidden(path)) - len(paths)
    notes = [f"each sub-folder of {folder} is a label, each image in it a row"]
    if others:
        notes.append(f"skipped {count_of(others, 'file')} whose name does not end as an image's does")
    records = (
        (number, {"image": path.relative_to(folder).as_posix(), "label": path.parent.name})
        for number, path in enumerate(paths, 1)
    )
    return Batches(tables_of_records(records, file=as_file, batch_rows=batch_rows), tuple(notes))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file() and not _is_hidden(path)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.parent.name.startswith(".")
