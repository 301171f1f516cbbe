"""The rows that need a reader as a table, most needed first, and the readers' labels back as training rows."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.applications.annotation.annotating import Annotated
from metier.data.columns.file_names import is_inside
from metier.errors import CallError, DataError, suggest

IMAGE, LABEL = "image", "label"
# Of a queue, beside the columns of the rows.
FOLDER, RANK, NEED, WHY = "image_folder", "rank", "need", "reasons"
SUGGESTION, PROBABILITY, HEAT_MAP = "suggestion", "probability", "heat_map"
READER_LABEL, READER, COMMENT = "reader_label", "reader", "comment"
OWN = (RANK, NEED, WHY, SUGGESTION, PROBABILITY, HEAT_MAP, FOLDER, READER_LABEL, READER, COMMENT)
MOST_NAMED = 5


def queue_rows(
    annotated: Iterable[Annotated], *, image: str, folder: Path, heat_maps: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Give the rows of a queue, those that need a reader most first; equal ones in the order of the rows.

    Parameters
    ----------
    image : str
        The column of the images.
    folder : Path
        The folder that their paths count from.
    heat_maps : mapping of str to str
        From the file of an image to that of its heat map, as the queue should name it.
    """
    waiting = sorted((one for one in annotated if one.need.needs_reader), key=lambda one: -one.need.score)
    return [
        {
            RANK: rank,
            IMAGE: one.row[image],
            NEED: one.need.score,
            WHY: "; ".join((*one.need.reasons, *([one.fault] if one.fault else []))),
            SUGGESTION: one.suggestion,
            PROBABILITY: one.probability,
            HEAT_MAP: heat_maps.get(one.file),
            READER_LABEL: "",
            READER: "",
            COMMENT: "",
            FOLDER: str(folder.absolute()),
            **{name: value for name, value in one.row.items() if name not in (image, IMAGE, LABEL, *OWN)},
        }
        for rank, one in enumerate(waiting, 1)
    ]


@dataclass(frozen=True)
class Returned:
    """What readers labelled.

    Parameters
    ----------
    rows : list of dict
        Training rows.
    n_open : int
        Rows without a label of a reader.
    n_same, n_compared : int
        Labels that are the model's suggestion, of those that had one.
    conflicts : list of str
        Images to which readers gave different labels; they are left out.
    """

    rows: list[dict[str, Any]]
    n_open: int
    n_same: int
    n_compared: int
    conflicts: list[str]


def returned_rows(
    queue: Sequence[Mapping[str, Any]], *, target: Path, known: Sequence[str] | None, origin: str
) -> Returned:
    """Give the rows that readers labelled as training rows.

    Parameters
    ----------
    queue : sequence of mappings
        The rows of one or several queues.
    target : Path
        The file that they are to be written to; paths of images count from its folder.
    known : sequence of str, optional
        The labels that may be given; None: any.
    origin : str
        What messages call the queue.

    Raises
    ------
    DataError
        If a label is not known, or the rows are of no queue.
    CallError
        If images lie outside the folder of the target.
    """
    _check_is_queue(queue, origin)
    labels: dict[str, dict[str, Mapping[str, Any]]] = {}
    unknown, n_open = list[tuple[int, str]](), 0
    for number, row in enumerate(queue, 1):
        label = str(row.get(READER_LABEL) or "").strip()
        if not label:
            n_open += 1
            continue
        if not (row[IMAGE] and row[FOLDER]):
            raise DataError(
                f"{origin}, row {number}: it has a label and names no image. Take the row from the queue again, or "
                "remove it."
            )
        if known is not None and label not in known:
            unknown.append((number, label))
        labels.setdefault(os.path.join(row[FOLDER], row[IMAGE]), {}).setdefault(label, row)  # noqa: PTH118
    if unknown:
        raise _unknown_labels(unknown, known or (), origin)
    settled = {file: next(iter(found.items())) for file, found in labels.items() if len(found) == 1}
    compared = [(label, row) for label, row in settled.values() if row.get(SUGGESTION)]
    return Returned(
        [_training_row(file, label, row, target) for file, (label, row) in settled.items()],
        n_open,
        sum(label == row[SUGGESTION] for label, row in compared),
        len(compared),
        [file for file, found in labels.items() if len(found) > 1],
    )


def _check_is_queue(queue: Sequence[Mapping[str, Any]], origin: str) -> None:
    missing = [name for name in (IMAGE, FOLDER, READER_LABEL) if not queue or name not in queue[0]]
    if missing:
        raise no_queue(origin, missing[0])


def no_queue(origin: str, column: str) -> DataError:
    """Give the error for rows that lack a column of a queue."""
    return DataError(
        f"{origin} is no queue of `metier annotate`: it has no column {column!r}. Name the queue that it wrote."
    )


def _unknown_labels(unknown: Sequence[tuple[int, str]], known: Sequence[str], origin: str) -> DataError:
    number, label = unknown[0]
    more = f" And {len(unknown) - 1:,} more." if len(unknown) > 1 else ""
    return DataError(
        f"{origin}, row {number}, column {READER_LABEL!r}: {label!r} is no label of the model."
        f"{suggest(label, known)} Known: {', '.join(known)}.{more} Correct it, or add --new-labels."
    )


def _training_row(file: str, label: str, row: Mapping[str, Any], target: Path) -> dict[str, Any]:
    folder = target.absolute().parent
    if not is_inside(file, folder):
        raise CallError(
            f"{file} lies outside {folder}, and rows are read with the images of their own folder. Write the rows into "
            f"{Path(file).parent}, or a folder above it."
        )
    others = {name: value for name, value in row.items() if name not in (*OWN, IMAGE, LABEL)}
    path = Path(os.path.relpath(file, folder)).as_posix()
    return {IMAGE: path, LABEL: label, READER: row.get(READER) or None, **others}
