"""Label rows with images: where the model is sure its label, elsewhere none, and a reader is asked.

What comes out is a label of a data set, as the training rows had them. It is no finding about a person.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from metier.applications.annotation.need import Need, need_of, unreadable
from metier.applications.annotation.range_of_training import TrainingRange
from metier.bundles import Bundle
from metier.data.rows import Rows
from metier.errors import CallError
from metier.explanation.occlusion import heat_picture, occlusion_map
from metier.image.decoding import opened
from metier.image.dicom.burned_in import signs_of, words_in
from metier.image.dicom.headers import header_of
from metier.image.dicom.recognising import is_dicom_file
from metier.image.likeness import look_at
from metier.image.picture import Picture
from metier.tasks.inputs.image import KEY

ANSWERED, NEEDS_READER = "answered", "needs a reader"


@dataclass(frozen=True)
class Asking:
    """How rows are annotated.

    Parameters
    ----------
    model : Bundle
    least : float
        Below this probability a row needs a reader.
    seconds : tuple of Bundle
        Other models that are asked the same; where one gives another label a row needs a reader.
    training : TrainingRange or None
        What images should be like; None: not looked at.
    reads_text : bool
        Whether Tesseract looks for text in the pixels; a DICOM header is always looked at.
    check_fraction : float
        Share of the other rows that readers get all the same, drawn by chance.
    random : Generator
        Of the draw.
    """

    model: Bundle
    least: float
    seconds: tuple[Bundle, ...] = ()
    training: TrainingRange | None = None
    reads_text: bool = False
    check_fraction: float = 0.0
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))


@dataclass(frozen=True)
class Annotated:
    """One row with what was found.

    Parameters
    ----------
    suggestion, probability : str and float, or None
        The model's label and its calibrated probability; None where the image cannot be used.
    fault : str or None
        Why it cannot be used, in a clause.
    """

    row: Mapping[str, Any]
    file: str
    need: Need
    suggestion: str | None
    probability: float | None
    answered_by: str | None
    fault: str | None = None

    @property
    def label(self) -> str | None:
        """The label that stands: none where a reader is asked."""
        return None if self.need.needs_reader else self.suggestion

    @property
    def status(self) -> str:
        """`ANSWERED` or `NEEDS_READER`."""
        return NEEDS_READER if self.need.needs_reader else ANSWERED


def check_can_annotate(model: Bundle) -> None:
    """Raise `CallError` for a model that gives no label with one probability to rows with images."""
    if KEY not in model.input_kind.keys or not {"label", "probability"} <= set(model.answer_kind.record):
        raise CallError(
            f"{model.folder} is a model of {model.manifest.task.name}; annotation needs one that gives one label to an "
            "image. Train one on rows with images and labels."
        )


def annotate(rows: Rows, asking: Asking) -> Iterator[Annotated]:
    """Annotate rows, in their order; rows whose image cannot be used are among them."""
    model, faults = asking.model, asking.model.input_kind.row_faults(rows)
    asked = [position for position in range(len(rows)) if position not in faults]
    items = model.input_kind.from_rows(rows.take(asked)) if asked else []
    answers = model.predict(items) if asked else None
    files = rows.image_files
    needs = _needs(items, [files[position] for position in asked], answers, asking)
    found, table = dict(zip(asked, range(len(asked)), strict=True)), rows.table.to_pylist()
    for position, row in enumerate(table):
        if answers is None or position in faults:
            yield Annotated(row, files[position], unreadable(), None, None, None, faults[position])
            continue
        record = answers.record(found[position])
        yield Annotated(
            row,
            files[position],
            needs[found[position]],
            record["label"],
            record["probability"],
            record["answered_by"],
        )


def _needs(items: Sequence[Any], files: Sequence[str], answers: Any, asking: Asking) -> list[Need]:
    if answers is None:
        return []
    probabilities = answers.probabilities.max(axis=1)
    agrees, distances = _others(items, answers, asking)
    unlike = _unlike(files, asking.training)
    texts = [has_text(file, reads=asking.reads_text) for file in files]
    drawn = asking.random.random(len(files)) < asking.check_fraction
    return [
        need_of(
            float(probability),
            least=asking.least,
            others=(bool(agrees[at]), float(distances[at])),
            has_text=texts[at],
            is_unlike=bool(unlike[at]),
            is_check=bool(drawn[at]),
        )
        for at, probability in enumerate(probabilities)
    ]


def _others(items: Sequence[Any], answers: Any, asking: Asking) -> tuple[np.ndarray, np.ndarray]:
    """Give whether all other models give the same label, and the largest total variation distance."""
    agrees, largest = np.ones(len(items), dtype=bool), np.zeros(len(items))
    for second in asking.seconds:
        if second.labels != answers.labels:
            raise CallError(
                f"{second.folder} knows other labels than {asking.model.folder}. Name a candidate of the same run."
            )
        theirs: Any = second.predict(items)
        agrees &= theirs.best == answers.best
        distance = np.abs(theirs.probabilities - answers.probabilities).sum(axis=1) / 2
        largest = np.maximum(largest, distance)
    return agrees, largest


def _unlike(files: Sequence[str], training: TrainingRange | None) -> np.ndarray:
    if training is None:
        return np.zeros(len(files), dtype=bool)
    has_image = [bool(file) and Path(file).is_file() for file in files]
    unlike = np.zeros(len(files), dtype=bool)
    looks = [look_at(file) for file, is_there in zip(files, has_image, strict=True) if is_there]
    unlike[has_image] = training.is_outside(looks)
    return unlike


def has_text(file: str, *, reads: bool) -> bool:
    """Whether there is a sign of text in the pixels of an image: its DICOM header says so, or some was read.

    Parameters
    ----------
    reads : bool
        Whether Tesseract is asked.
    """
    path = Path(file)
    if not path.is_file():
        return False
    if is_dicom_file(path) and signs_of(header_of(path), None).is_stated:
        return True
    if not reads:
        return False
    with opened(Picture.of_file(path)) as image:
        return bool(words_in(np.asarray(image.convert("RGB"))))


def heat_map_of(annotated: Annotated, asking: Asking) -> bytes:
    """Give a PNG of an image with the places from which the suggestion comes; see `explanation.occlusion`."""
    picture, model = Picture.of_file(annotated.file), asking.model
    column = model.labels.index(str(annotated.suggestion))
    text = str(annotated.row.get(model.manifest.data.roles.get("text", ""), "") or "")
    beside = {"text": text} if "text" in model.input_kind.keys else {}

    def probability(files: Sequence[bytes]) -> np.ndarray:
        answers: Any = model.predict([{**beside, KEY: file} for file in files])
        found: np.ndarray = answers.probabilities[:, column]
        return found

    return heat_picture(picture, occlusion_map(picture, probability))
