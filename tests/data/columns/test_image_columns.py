"""Rows of images: paths from the folder of their file, and sentences for those that lead nowhere."""

import shutil
from pathlib import Path

import pytest

import metier
from metier.audit import examine
from metier.data import split_rows
from metier.data.columns.value_faults import FaultLog
from metier.errors import BrokenValueError
from metier.tasks.inputs import IMAGE
from metier.tasks.task_table import infer_task

pytest.importorskip("PIL", reason="needs metier[image]")
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def folder(tmp_path):
    """Some photographs, and a table of them."""
    shutil.copytree(EXAMPLES / "groceries" / "images", tmp_path / "images")
    return tmp_path


def write(folder, *lines, name="rows.csv"):
    path = folder / name
    path.write_text("\n".join(["photo,label", *lines]) + "\n", encoding="utf-8")
    return path


def photos(folder, n):
    return [f"images/{path.name}" for path in sorted((folder / "images").iterdir())[:n]]


def test_a_column_of_names_of_images_is_one_and_shows_the_task(folder):
    names = photos(folder, 2)
    rows = metier.read(write(folder, *(f"{name},a" for name in names)))
    assert rows.roles.image == "photo"
    assert "image = photo, inferred (--role image=COLUMN)" in rows.notes
    assert infer_task(rows)[0] == "image_classification"
    assert IMAGE.from_rows(rows.take([1])) == [{"image": str(folder / names[1])}]
    assert rows.table.column("photo").to_pylist() == names  # As it was given.


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_other_forms_of_tables_hold_images_too(folder, form):
    table = metier.read(write(folder, *(f"{name},a" for name in photos(folder, 3)))).table.to_pandas()
    path = folder / f"rows.{form}"
    if form == "parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    assert len(metier.read(path).image_files) == 3


def test_folders_of_classes_are_rows():
    rows = metier.read(EXAMPLES / "health_icons")
    assert (len(rows), sorted(set(rows.labels))) == (36, ["devices", "people", "vehicles"])
    assert all(Path(path).is_file() for path in rows.image_files)
    assert rows.fingerprint == metier.read(EXAMPLES / "health_icons").fingerprint


def test_beside_a_text_an_image_has_to_be_named(folder):
    path = folder / "rows.csv"
    path.write_text(f"photo,text,label\n{photos(folder, 1)[0]},a milk carton,a\n", encoding="utf-8")
    assert metier.read(path).has_texts
    assert not metier.read(path, image="photo").has_texts


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("images/none.jpg", "there is no such file. Correct the path"),
        ("../outside.jpg", "lies outside"),
        ("/etc/hostname.jpg", "lies outside"),
        ("images/notes.jpg", "its content is not JPEG"),
        ("images/short.jpg", "it is cut short or damaged"),
        ("", "no image is named"),
    ],
)
def test_an_image_that_cannot_be_used_is_said_with_row_and_column(folder, value, said):
    first = photos(folder, 1)[0]
    (folder / "images" / "notes.jpg").write_text("no picture", encoding="utf-8")
    (folder / "images" / "short.jpg").write_bytes((folder / first).read_bytes()[:700])
    path = write(folder, f"{first},a", f"{value},b")
    with pytest.raises(BrokenValueError, match=said) as error:
        metier.read(path, image="photo")
    assert "row 2" in str(error.value)
    assert "'photo'" in str(error.value) or "photo" in str(error.value)


def test_the_check_lists_every_image_that_cannot_be_used(folder):
    names = photos(folder, 3)
    faults = FaultLog()
    rows = metier.read(write(folder, *(f"{name},a" for name in [*names, "no.jpg", "nor.jpg"])), faults=faults)
    found = examine(rows, faults={"train": faults}).find("broken-images")
    assert len(rows) == 3
    assert [finding.rows for finding in found] == [(3, 4)]
    assert (
        "2 rows have images that cannot be read (column photo); row 4: no.jpg cannot be used"
        in found[0].sentence
    )


def test_copies_are_found_across_labels_and_stay_in_one_split(folder):
    from PIL import Image

    names = photos(folder, 12)
    for number, name in enumerate(names):  # Saved again, smaller.
        image = Image.open(folder / name)
        image.resize((image.width // 2, image.height // 2)).save(folder / "images" / f"again_{number}.jpg")
    shutil.copyfile(folder / names[0], folder / "images" / "same.jpg")
    lines = [f"{name},{'ab'[number % 2]}" for number, name in enumerate(names)]
    lines += [f"images/again_{number}.jpg,{'ab'[number % 2]}" for number in range(11)]
    lines += ["images/again_11.jpg,a", "images/same.jpg,b"]
    rows = metier.read(write(folder, *lines))
    audit = examine(rows, label_errors=False)
    assert audit.find("duplicates")[0].facts["rows"] == 1
    assert audit.find("near-duplicates")[0].facts["rows"] == 12
    assert audit.find("conflicting-labels")[0].sentence.startswith("1 image appears with different labels")
    assert audit.find("alike-under-labels")[0].facts["groups"] == 2
    assert not {"empty-texts", "wordless-texts", "text-is-id"} & {finding.check for finding in audit.findings}
    splits = split_rows(rows, random_state=0)
    sides = {
        Path(path).name: name
        for name in ("train", "validation", "test")
        for path in getattr(splits, name).image_files
    }
    for number, name in enumerate(names):
        assert sides[Path(name).name] == sides[f"again_{number}.jpg"]
