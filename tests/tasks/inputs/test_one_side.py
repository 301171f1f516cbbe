"""Files with texts alone or images alone, for a model that is asked both."""

from pathlib import Path

import pytest

import metier
from metier.tasks.inputs import TEXT_IMAGE

pytest.importorskip("PIL", reason="needs metier[image]")
PHOTO = str(next((Path(__file__).parents[3] / "examples" / "groceries" / "images").iterdir()))


def test_texts_alone_are_asked_without_an_image():
    rows = metier.read([{"text": "a green apple", "n": "1"}, {"text": "a red one", "n": "2"}], label="none")
    assert TEXT_IMAGE.from_rows(rows) == [{"text": text, "image": None} for text in rows.texts]
    assert TEXT_IMAGE.row_faults(rows) == {}


def test_images_alone_are_asked_without_their_names():
    rows = metier.read([{"image": PHOTO, "n": "1"}, {"image": PHOTO, "n": "2"}], image="image", label="none")
    assert TEXT_IMAGE.from_rows(rows) == [{"text": "", "image": PHOTO}] * 2
    assert TEXT_IMAGE.row_faults(rows) == {}
