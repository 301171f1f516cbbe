"""Text in images, which no method reads: some are looked at by Tesseract, where it is installed."""

import time
from collections.abc import Iterator

import numpy as np

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.rows import Rows
from metier.errors import ImageError
from metier.figures import count_of
from metier.image.decoding import decoded
from metier.image.dicom.burned_in import can_read, words_in

SAMPLE = 24  # Images that are read, drawn evenly.
MOST_SECONDS = 15.0  # No further one is begun.
SIDE = 768  # Pixels: of small letters in a large photograph nothing is left, and they are not what it shows.
LEAST_WORDS = 2  # One is read into many a texture.


def check_text_in_images(rows: Rows) -> Iterator[Finding]:
    """Say how many of some images have text in them; where nobody can look, say that."""
    if not rows.has_images:
        return
    pictures = rows.pictures
    seen = [position for position, picture in enumerate(pictures) if picture is not None]
    if not seen:
        return
    if not can_read():
        yield Finding(
            "images-not-read",
            "note",
            "text in the images was not looked for, as Tesseract is not installed",
            origin=rows.origin,
            remedy="install Tesseract (apt install tesseract-ocr)",
        )
        return
    drawn = [seen[at] for at in np.unique(np.linspace(0, len(seen) - 1, SAMPLE).round().astype(int))]
    began, counts = time.monotonic(), dict[int, int | None]()
    for position in drawn:
        if time.monotonic() - began > MOST_SECONDS:
            break
        try:
            counts[position] = words_in(decoded(pictures[position], SIDE))  # type: ignore[arg-type]  # Not None.
        except ImageError:
            continue
    found = [position for position, n_words in counts.items() if n_words is not None and n_words >= LEAST_WORDS]
    if found:
        yield Finding(
            "text-in-images",
            "note",
            f"{count_of(len(found), 'image')} of {len(counts):,} that were looked at "
            f"{'has' if len(found) == 1 else 'have'} text in them: no method reads it, and it may tell the label or "
            "name a person",
            positions_of(found),
            rows.origin,
            examples_of(rows, found, words=[counts[position] for position in found]),
            "put what is written there into a text column, or cover it",
            {"looked_at": len(counts), "with_text": len(found)},
        )
