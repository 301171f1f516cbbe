"""Names of files in rows: as written on other systems, addresses, data URIs, and names that are too long."""

import base64
import os
import shutil
from pathlib import Path

import pytest

import metier
from metier.audit import examine
from metier.data.columns.value_faults import FaultLog
from metier.errors import BrokenValueError

pytest.importorskip("PIL", reason="needs metier[image]")
EXAMPLES = Path(__file__).parents[3] / "examples"
LONG = "a" * 5_000 + ".png"


@pytest.fixture
def folder(tmp_path):
    """Two photographs."""
    (tmp_path / "images").mkdir()
    for number, path in enumerate(sorted((EXAMPLES / "groceries" / "images").iterdir())[:2]):
        shutil.copy(path, tmp_path / "images" / f"{number}.jpg")
    return tmp_path


def write(folder, *names, columns="image,label"):
    path = folder / "rows.csv"
    path.write_text(
        "\n".join([columns, *(f"{name},{'ab'[place % 2]}" for place, name in enumerate(names))]) + "\n", "utf-8"
    )
    return path


@pytest.mark.parametrize("written", ["images\\1.jpg", ".\\images\\1.jpg", " images/1.jpg "])
def test_a_name_written_as_elsewhere_is_read_as_the_file_that_is_here(folder, written):
    rows = metier.read(write(folder, "images/0.jpg", written))
    assert [Path(name).resolve() for name in rows.image_files] == [
        folder / "images" / "0.jpg",
        folder / "images" / "1.jpg",
    ]
    assert any(
        "names in 1 row that are written with \\ or with blanks around them" in note for note in rows.notes
    )


def test_a_name_with_a_backslash_that_is_a_file_stays(folder):
    shutil.copy(folder / "images" / "0.jpg", folder / "a\\b.jpg")
    rows = metier.read(write(folder, "a\\b.jpg", "images/1.jpg"))
    assert rows.column("image") == ["a\\b.jpg", "images/1.jpg"]
    assert not any("backslash" in note or "written with" in note for note in rows.notes)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("C:\\pics\\a.png", "it is a path on a Windows computer. Copy the files beside the rows"),
        ("\\\\server\\pics\\a.png", "it is a path on a Windows computer"),
        ("pics\\a.png", "there is no such file, and no pics/a.png either"),
        ("..\\a.png", r"there is no such file, and no \.\./a\.png either"),
        ("https://example.com/a.png?x=1", "it is an address, and nothing is fetched. Download the file"),
        ("https://example.com/../../a.png", "it is an address, and nothing is fetched"),
        ("s3://bucket/a.png", "it is an address, and nothing is fetched"),
        ("file:///tmp/a.png", "it is an address. Give the path alone, without file://"),
        ('"data:image/png;base64,iVBOR*"', "it is a file itself, as a data URI that is not whole"),
        (LONG, "its name is longer than that of any file"),
        ("a/" * 2_500 + "b.png", "its name is longer than that of any file"),
    ],
)
@pytest.mark.parametrize("is_alone", [True, False])
def test_a_name_that_leads_nowhere_says_why_and_what_to_do(folder, name, said, is_alone):
    path = write(folder, *([name, name] if is_alone else ["images/0.jpg", "images/1.jpg", name]))
    with pytest.raises(BrokenValueError, match=said) as error:
        metier.read(path)
    assert len(str(error.value)) < 700


def test_each_way_of_naming_is_a_finding_of_its_own(folder):
    names = ["images/0.jpg", "images/1.jpg", "C:\\a.png", "http://a.b/c.png", "D:\\b.png"]
    faults = FaultLog()
    rows = metier.read(write(folder, *names), faults=faults)
    found = examine(rows, faults={"train": faults}).find("broken-images")
    assert {finding.rows for finding in found} == {(2, 4), (3,)}
    assert any(finding.sentence.startswith("2 rows have images that are paths of Windows") for finding in found)


def test_a_pipe_is_no_image_and_is_not_waited_for(folder):
    os.mkfifo(folder / "images" / "pipe.png")
    with pytest.raises(BrokenValueError, match=r"it is a named pipe. Give the path of one image"):
        metier.read(write(folder, "images/0.jpg", "images/pipe.png"))


@pytest.mark.parametrize("start", ["", "data:image/jpeg;base64,"])
def test_images_as_base64_lie_in_the_file(folder, start):
    data = [(folder / "images" / f"{number}.jpg").read_bytes() for number in (0, 1)]
    rows = metier.read(write(folder, *(f'"{start}{base64.b64encode(one).decode()}"' for one in data)))
    assert [picture.source for picture in rows.pictures] == data
    assert rows.image_faults == {}


def test_addresses_beside_texts_are_said_to_be_such(folder):
    names = [f"a text about {number},https://example.com/{number}.png" for number in range(3)]
    rows = metier.read(write(folder, *names, columns="text,image,label"))
    assert not rows.has_images
    assert any("image holds addresses, and nothing is fetched" in note for note in rows.notes)


def test_a_long_name_beside_texts_is_no_fault_of_ours(folder):
    rows = metier.read(write(folder, f"a text,{LONG}", f"another text,{LONG}", columns="text,image,label"))
    assert not rows.has_images


def test_a_column_of_another_name_is_one_of_images_where_all_its_values_are(folder):
    assert (
        metier.read(write(folder, "images/0.jpg", "images/1.jpg", columns="seen,label")).roles.image == "seen"
    )
