"""Signs that text may stand in the pixels of a picture, where no header rule removes it.

The file may state it; ultrasound, captures of screens and photographs mostly have some; and Tesseract, where it is
installed, may read it. What it reads is counted and not kept: it may be a name.
"""

import importlib
import io
import os
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np

from metier.image.dicom.headers import Header
from metier.image.limits import MOST_PIXELS

CAPTURES = "1.2.840.10008.5.1.4.1.1.7"  # Secondary capture; the kinds of several frames begin with it.
MODALITIES = frozenset({"US", "IVUS", "SC", "OT", "DOC", "ES", "XC", "GM"})
PROGRAM = "tesseract"
TIME_LIMIT_S = 30.0
READ_SIDE = 1_200  # Pixels of the longer side from which small letters are read.
SURE = 60.0  # Of 100, as Tesseract is.
SHORTEST_WORD = 3  # Letters and digits; shorter ones are read into any texture.
CONFIDENCE, WORD = 10, 11  # Columns of its table.


@dataclass(frozen=True)
class Signs:
    """What speaks for text in the pixels.

    Parameters
    ----------
    is_stated : bool
        The file says so (Burned In Annotation).
    is_likely : bool
        Pictures of its kind mostly have some, and the file does not say that this one has none.
    n_words : int or None
        Words that were read in it; None: nobody looked.
    """

    is_stated: bool
    is_likely: bool
    n_words: int | None

    @property
    def is_found(self) -> bool:
        """Whether there is text: it is stated, or was read."""
        return self.is_stated or bool(self.n_words)

    @property
    def is_open(self) -> bool:
        """Whether nobody knows: it is likely, and nobody looked."""
        return self.is_likely and self.n_words is None


def signs_of(header: Header, pixels: np.ndarray | None) -> Signs:
    """Give what speaks for text in a picture.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width) or (height, width, 3), or None
        What to read; None: nothing is read.
    """
    is_kind = header.modality in MODALITIES or header.kind.startswith(CAPTURES)
    return Signs(
        is_stated=header.has_burned_in_text is True,
        is_likely=is_kind and header.has_burned_in_text is not False,
        n_words=None if pixels is None else words_in(pixels),
    )


def can_read() -> bool:
    """Whether Tesseract is installed."""
    return shutil.which(PROGRAM) is not None


def words_in(pixels: np.ndarray) -> int | None:
    """Count the words that Tesseract reads in a picture; None where it is not installed, fails, or takes too long."""
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program; the picture comes through a pipe.
            [program, "stdin", "stdout", "--psm", "11", "tsv"],
            input=_enlarged(pixels),
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=True,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return sum(map(_is_word, done.stdout.decode("utf-8", "replace").splitlines()[1:]))


def _is_word(line: str) -> bool:
    cells = line.split("\t")
    if len(cells) <= WORD or float(cells[CONFIDENCE]) < SURE:
        return False
    return sum(sign.isalnum() for sign in cells[WORD]) >= SHORTEST_WORD


def _enlarged(pixels: np.ndarray) -> bytes:
    pillow = importlib.import_module("PIL.Image")  # Loaded with the first picture: texts need none of it.
    image = pillow.fromarray(pixels)
    factor = max(1, min(READ_SIDE // max(image.size), 4))
    if factor > 1 and image.width * image.height * factor**2 <= MOST_PIXELS:
        image = image.resize((image.width * factor, image.height * factor), pillow.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
