"""Questions that are images, alone or beside texts: rows of the other modality, typed JSON, and what is missing."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import metier
from metier.cli.answered_files import Kept, Wanted, answer_file
from metier.errors import EmptyDataError, ImageError, MissingLabelError, WrongTypeError
from metier.tasks.answer_batches import Answers
from metier.tasks.inputs import AUDIO, IMAGE, TEXT_IMAGE

pytest.importorskip("PIL", reason="needs metier[image]")
GROCERIES = Path(__file__).parents[3] / "examples" / "groceries" / "images"


class Seeing:
    """A stand-in for a bundle: its answer is whether a row has a text."""

    def __init__(self, kind):
        self.input_kind, self.name = kind, "joint.v1"
        self.answer_kind = metier.tasks.answers.LABEL
        self.manifest = metier.bundles.manifest.Manifest.model_construct(
            data=metier.bundles.manifest.DataFacts(fingerprint="", origin="", rows={}, roles={})
        )

    def predict(self, items):
        has = np.array(
            [bool(self.input_kind.texts([item])[0]) if self.input_kind.has_texts else True for item in items]
        )
        return Answers(np.stack([has, ~has], axis=1) * 1.0, ("text", "none"), ("joint.v1",) * len(items))


def answered(kind, source, tmp_path):
    columns = {"encoding": None, "delimiter": None, "header": None, "repair": False}
    output = tmp_path / "out.csv"
    answer_file(Seeing(kind), source, output, columns=columns, wanted=Wanted(), form=None, kept=Kept())
    return output.read_text("utf-8").splitlines()


@pytest.fixture
def folder(tmp_path):
    """One photograph among files that are none."""
    place = tmp_path / "images"
    place.mkdir()
    shutil.copy(sorted(GROCERIES.iterdir())[0], place / "a.jpg")
    (place / "b.jpg").write_text("<html></html>", "utf-8")
    (place / "c.png").touch()
    return place


def test_a_model_of_images_that_is_given_texts_says_which_column_is_missing(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text,label\nhello there,a\n", "utf-8")
    with pytest.raises(
        MissingLabelError, match=r"has no image column; it has: text, label. Name the image column"
    ):
        answered(IMAGE, path, tmp_path)
    with pytest.raises(MissingLabelError, match="has no audio column"):
        _ = AUDIO.row_faults(metier.read(path))


@pytest.mark.parametrize("kind", [IMAGE, TEXT_IMAGE])
def test_images_of_a_folder_that_cannot_be_used_have_no_answer_and_the_reason(folder, tmp_path, kind):
    lines = answered(kind, folder, tmp_path)
    assert len(lines) == 4
    assert lines[1].startswith("a.jpg,text," if kind is IMAGE else "a.jpg,none,")
    assert "it is a web page" in lines[2]
    assert "it is empty" in lines[3]


def test_a_model_of_both_answers_rows_that_have_texts_alone(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text,label\nhello there,a\nbye,b\n", "utf-8")
    lines = answered(TEXT_IMAGE, path, tmp_path)
    assert [line.split(",")[2] for line in lines[1:]] == ["text", "text"]


def test_json_with_an_image_may_be_typed():
    assert TEXT_IMAGE.typed('{"image": "a.jpg"}') is None
    assert TEXT_IMAGE.typed("a text") == {"text": "a text"}


@pytest.mark.parametrize("kind", [IMAGE, AUDIO])
def test_files_are_read_and_refused_alike(kind, tmp_path):
    key = kind.key
    assert [one.called for one in kind.read(["a", Path("b"), {key: "c"}, b"d", {key: b"e"}])] == [
        *("a", "b", "c"),
        "at position 3",
        "at position 4",
    ]
    assert kind.read([kind.read(["a"])[0]])[0].called == "a"
    assert (kind.typed("a"), kind.texts(["a"]), kind.shown({key: "a"})) == ({key: "a"}, [], ["a"])
    assert kind.fault({key: "a"}) is None
    assert "should be" in kind.fault({key: 5})
    assert "is missing" in kind.fault({})
    with pytest.raises(EmptyDataError, match=f"at least one {kind.error.noun}"):
        kind.read([])
    with pytest.raises(WrongTypeError, match="at position 1, found int"):
        kind.read(["a", 5])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("C:\\pics\\a.png", "it is a path on a Windows computer"),
        ("https://example.com/a.png", "it is an address, and nothing is fetched"),
        ("a" * 5_000, "longer than that of any file"),
    ],
)
def test_a_name_in_python_says_what_it_is(name, said):
    with pytest.raises(ImageError, match=said) as error:
        IMAGE.read([name])[0].content  # noqa: B018
    assert len(str(error.value)) < 400
