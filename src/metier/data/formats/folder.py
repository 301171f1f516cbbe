"""A folder of rows: one sub-folder per label, data files of one shape, or images without labels."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from metier.data.formats.batches import Batches, tables_of_records
from metier.data.formats.data_file import DataFile, is_data_file
from metier.data.formats.encoding import choose_encoding, undecodable_line
from metier.errors import EmptyDataError, UnreadableFileError
from metier.figures import count_of
from metier.image.decoding import SUFFIXES
from metier.image.dicom.headers import is_dicom_picture
from metier.image.dicom.patients import patient_codes
from metier.image.dicom.recognising import SUFFIXES as DICOM_SUFFIXES
from metier.image.dicom.recognising import is_dicom_file
from metier.speech.containers import SUFFIXES as AUDIO_SUFFIXES

PICTURES = SUFFIXES - DICOM_SUFFIXES
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
    """Give the .txt files of a folder whose sub-folders are labels, sorted; empty for other folders.

    Where there are more images or recordings below it, a text among them is a note.
    """
    texts = sorted(path for path in folder.glob("*/*.txt") if path.is_file() and not _is_hidden(path))
    if not texts:
        return []
    media = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURES | AUDIO_SUFFIXES)
    n_media = sum(1 for _ in islice(filter(_is_seen_file, media), len(texts) + 1))
    return texts if n_media <= len(texts) else []


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
            "or one sub-folder per label with one .txt file per text, one image file per image or one audio file per "
            "recording."
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
            {"text": text.strip(), "label": path.parent.name, "file": _named(path, path.parents[1])},
        )


def labelled_images(folder: Path) -> list[Path]:
    """Give the images of a folder whose sub-folders are labels, sorted; empty for other folders.

    Sub-folders of which each holds the DICOM files of one patient are patients and not labels.
    """
    images = sorted(path for path in folder.glob("*/*") if _is_image(path))
    return [] if _are_patients(folder, images) else images


def read_labelled_images(folder: Path, *, batch_rows: int) -> Batches:
    """Read each image file as one image whose label is the name of its sub-folder."""
    return _read_labelled_files(folder, labelled_images(folder), "image", batch_rows)


def labelled_recordings(folder: Path) -> list[Path]:
    """Give the recordings of a folder whose sub-folders are labels, sorted; empty for other folders."""
    return sorted(path for path in folder.glob("*/*") if _has_suffix(path, AUDIO_SUFFIXES))


def read_labelled_recordings(folder: Path, *, batch_rows: int) -> Batches:
    """Read each audio file as one recording whose label is the name of its sub-folder."""
    return _read_labelled_files(folder, labelled_recordings(folder), "audio", batch_rows)


# What a file is called, by its column, and what its name should end as.
_NOUNS = {"image": ("image", "an image's"), "audio": ("recording", "a recording's")}


def _read_labelled_files(folder: Path, paths: list[Path], column: str, batch_rows: int) -> Batches:
    as_file, (noun, whose) = DataFile(folder, f"{_NOUNS[column][0]}s", gzipped=False), _NOUNS[column]
    others = sum(1 for path in folder.glob("*/*") if path.is_file() and not _is_hidden(path)) - len(paths)
    notes = [f"each sub-folder of {folder} is a label, each {noun} in it a row"]
    if others:
        notes.append(f"skipped {count_of(others, 'file')} whose name does not end as {whose} does")
    records = (
        (number, {column: _named(path, folder), "label": path.parent.name})
        for number, path in enumerate(paths, 1)
    )
    return Batches(tables_of_records(records, file=as_file, batch_rows=batch_rows), tuple(notes))


def plain_images(folder: Path) -> list[Path]:
    """Give the images of a folder that holds no data files, at any depth, sorted; empty for other folders."""
    return [] if any(is_data_file(path) for path in folder.iterdir()) else images_below(folder)


def images_below(folder: Path) -> list[Path]:
    """Give the images of a folder at any depth, sorted."""
    return sorted(path for path in folder.rglob("*") if _is_image(path))


def read_plain_images(folder: Path, *, batch_rows: int) -> Batches:
    """Read each image file as one image without a label."""
    paths = plain_images(folder)
    as_file = DataFile(folder, "images", gzipped=False)
    others = sum(1 for path in folder.rglob("*") if path.is_file() and not _is_hidden(path)) - len(paths)
    notes = [f"each image below {folder} is a row without a label"]
    if _are_patients(folder, sorted(path for path in paths if path.parent.parent == folder)):
        notes.append("each sub-folder holds the files of one patient, so its name is not taken for a label")
    if others:
        notes.append(f"skipped {count_of(others, 'file')} without a picture")
    records = ((number, {"image": _named(path, folder)}) for number, path in enumerate(paths, 1))
    return Batches(tables_of_records(records, file=as_file, batch_rows=batch_rows), tuple(notes))


def plain_recordings(folder: Path) -> list[Path]:
    """Give the recordings of a folder that holds no data files, at any depth, sorted; empty for other folders."""
    if any(is_data_file(path) for path in folder.iterdir()):
        return []
    return sorted(path for path in folder.rglob("*") if _has_suffix(path, AUDIO_SUFFIXES))


def read_plain_recordings(folder: Path, *, batch_rows: int) -> Batches:
    """Read each audio file as one recording without a label."""
    as_file = DataFile(folder, "recordings", gzipped=False)
    records = (
        (number, {"audio": _named(path, folder)}) for number, path in enumerate(plain_recordings(folder), 1)
    )
    notes = (f"each recording below {folder} is a row without a label",)
    return Batches(tables_of_records(records, file=as_file, batch_rows=batch_rows), notes)


def _is_image(path: Path) -> bool:
    suffix = path.suffix.lower()
    if _is_hidden(path) or not path.is_file():
        return False
    if suffix in PICTURES:
        return True
    # Most DICOM files have no suffix, or a name of numbers and points; reports and lists of a medium are no pictures.
    may_be = suffix in DICOM_SUFFIXES or not suffix or suffix[1:].isdigit()
    return may_be and (is_dicom_picture(path) if is_dicom_file(path) else suffix in DICOM_SUFFIXES)


def _are_patients(folder: Path, images: list[Path]) -> bool:
    """Whether each sub-folder holds DICOM files of one patient, and no patient is in two of them."""
    if any(path.suffix.lower() in PICTURES for path in images):
        return False
    patients: dict[str, set[str | None]] = {}
    for path, code in zip(images, patient_codes(images), strict=True):
        patients.setdefault(path.relative_to(folder).parts[0], set()).add(code)
    found = [next(iter(codes)) for codes in patients.values() if len(codes) == 1]
    return bool(found) and None not in found and len(set(found)) == len(patients)


def _has_suffix(path: Path, suffixes: frozenset[str]) -> bool:
    return path.suffix.lower() in suffixes and path.is_file() and not _is_hidden(path)


def _is_seen_file(path: Path) -> bool:
    return path.is_file() and not _is_hidden(path)


def _named(path: Path, folder: Path) -> str:
    """Give the path of a file from its folder; raises where it is no text, which no table could hold."""
    name = path.relative_to(folder).as_posix()
    if not name.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in name):
        shown = name.encode("utf-8", "backslashreplace").decode()
        raise UnreadableFileError(
            f"The name of {shown} in {folder} is not UTF-8. Rename the file (mv), then read the folder again."
        )
    return name


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.parent.name.startswith(".")
