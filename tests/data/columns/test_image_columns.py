"""Rows of images: paths from the folder of their file, and sentences for those that lead nowhere."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import metier
from metier.audit import examine
from metier.data import split_rows
from metier.data.columns.embedded_images import without_bytes
from metier.data.columns.value_faults import FaultLog
from metier.data.near_duplicates import near_duplicates_of
from metier.errors import BrokenValueError, EmptyDataError
from metier.tasks.inputs import IMAGE, TEXT_IMAGE, input_of_rows
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
    assert infer_task(rows)[0] == "classification"
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


def test_texts_and_images_are_asked_together_where_both_are_there(folder):
    path = folder / "rows.csv"
    name = photos(folder, 1)[0]
    path.write_text(f"photo,text,label\n{name},a milk carton,a\n,a juice,b\n", encoding="utf-8")
    rows = metier.read(path)
    assert (rows.has_texts, rows.has_images, input_of_rows(rows)) == (True, True, TEXT_IMAGE)
    assert any("image = photo, inferred; asked together with the text" in note for note in rows.notes)
    whole = {"text": "a milk carton", "image": str(folder / name)}
    assert TEXT_IMAGE.from_rows(rows) == [whole, {"text": "a juice", "image": None}]
    assert TEXT_IMAGE.row_faults(rows) == {}
    assert metier.read(path, image="none").roles.image is None


@pytest.mark.parametrize("named", [{"image": "photo"}, {"text": "none"}])
def test_images_are_asked_alone_where_they_alone_are_named_or_texts_are_refused(folder, named):
    path = folder / "rows.csv"
    path.write_text(f"photo,text,label\n{photos(folder, 1)[0]},a milk carton,a\n", encoding="utf-8")
    rows = metier.read(path, **named)
    assert (rows.has_texts, rows.has_images) == (False, True)


def test_names_of_images_that_are_not_there_are_left_out_and_said(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("photo,text,label\na.jpg,a milk carton,a\nb.jpg,a juice,b\n", encoding="utf-8")
    rows = metier.read(path)
    assert (rows.has_texts, rows.has_images) == (True, False)
    assert any("photo names images that are not in this folder" in note for note in rows.notes)


@pytest.mark.parametrize("other", ["question_1,question_2,label", "premise,hypothesis,label"])
def test_images_beside_other_inputs_are_not_asked(folder, other):
    path = folder / "rows.csv"
    path.write_text(f"photo,{other}\n{photos(folder, 1)[0]},one text,other text,1\n", encoding="utf-8")
    assert not metier.read(path).has_images


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


@pytest.mark.parametrize("sign", ["|", ";", " | "])
def test_several_images_of_a_row_are_kept_together(folder, sign):
    one, two, three = photos(folder, 3)
    rows = metier.read(write(folder, f"{one}{sign}{two},a", f"{three},b"))
    assert rows.roles.image == "photo"
    assert any("photo holds several images in 1 row (separated by" in note for note in rows.notes)
    assert IMAGE.from_rows(rows) == [
        {"image": [str(folder / one), str(folder / two)]},
        {"image": str(folder / three)},
    ]
    assert [len(picture.each) for picture in IMAGE.read(IMAGE.from_rows(rows))] == [2, 1]


def test_lists_of_images_are_read_and_their_faults_name_the_image(folder):
    one, two = photos(folder, 2)
    path = folder / "rows.jsonl"
    path.write_text(json.dumps({"images": [one, two], "label": "a"}) + "\n", encoding="utf-8")
    assert len(metier.read(path).pictures[0].each) == 2
    path.write_text(json.dumps({"images": [one, "no.jpg"], "label": "a"}) + "\n", encoding="utf-8")
    with pytest.raises(BrokenValueError, match=r"no\.jpg cannot be used: there is no such file"):
        metier.read(path, image="images")


def test_rows_that_share_an_image_stay_together_and_are_equal_only_where_all_are(folder):
    one, two, three = photos(folder, 3)
    rows = metier.read(write(folder, f"{one}|{two},a", f"{three}|{one},b", f"{one}|{two},a"))
    assert near_duplicates_of(rows).ids.tolist() == [0, 0, 0]
    assert len(set(rows.whole_inputs)) == 2


def test_a_row_without_image_is_a_fault_with_its_row_and_repair_leaves_it_out(folder):
    names = photos(folder, 3)
    path = write(folder, f"{names[0]},a", ",b", "none.jpg,a", f"{names[1]},b")
    with pytest.raises(BrokenValueError, match="no image is named") as error:
        metier.read(path)
    assert "row 2" in str(error.value)
    assert "Or read it with --repair, which leaves out the rows of these images" in str(error.value)
    rows = metier.read(path, repair=True)
    assert rows.column("image") == names[:2]
    assert "repair removed 2 rows that it could not fix" in rows.notes


def struct_of(data, path=None):
    return {"bytes": data, "path": path}


@pytest.mark.parametrize(
    "wrap",
    [struct_of, lambda data: struct_of(data, "a.jpg"), lambda data: data, lambda data: [struct_of(data)] * 2],
)
def test_images_inside_parquet_are_read_from_there(folder, wrap):
    data = [(folder / name).read_bytes() for name in photos(folder, 4)]
    table = pa.table({"image": [wrap(one) for one in data], "label": [*"abab"]})
    pq.write_table(table, folder / "alone.parquet")
    shutil.rmtree(folder / "images")
    rows = metier.read(folder / "alone.parquet")
    assert rows.roles.image == "image"
    assert "image holds images inside the file (4 rows)" in rows.notes
    assert [picture.source for picture in rows.pictures] == data
    assert [picture.source for picture in IMAGE.read(IMAGE.from_rows(rows.take([2, 1])))] == [data[2], data[1]]
    assert rows.image_faults == {}
    assert len(set(rows.image_contents)) == 4
    # Rows to answer come in batches, and are written without the bytes.
    batches = list(metier.data.reading.iterate(folder / "alone.parquet", 3))
    assert [len(batch.pictures) for batch in batches] == [3, 1]
    assert set(without_bytes(batches[0].table).column_names) == {"image", "label"}


def test_images_of_parquet_without_bytes_are_files(folder):
    names = photos(folder, 2)
    table = pa.table({"image": [struct_of(None, names[0]), struct_of(b"", names[1])], "label": ["a", "b"]})
    pq.write_table(table, folder / "rows.parquet")
    assert metier.read(folder / "rows.parquet").image_files == [str(folder / name) for name in names]


def test_images_of_parquet_without_bytes_and_path_are_missing(folder):
    data = (folder / photos(folder, 1)[0]).read_bytes()
    empty = struct_of(None)
    pq.write_table(
        pa.table({"image": [struct_of(data), empty, None], "label": [*"aba"]}), folder / "rows.parquet"
    )
    with pytest.raises(BrokenValueError, match="row 2, column 'image': no image is named") as error:
        metier.read(folder / "rows.parquet")
    assert error.value.rows == [2, 3]
    lists = [[struct_of(data), empty], [empty], [struct_of(data), empty, struct_of(data)]]
    pq.write_table(pa.table({"image": lists, "label": [*"aba"]}), folder / "rows.parquet")
    rows = metier.read(folder / "rows.parquet", repair=True)
    assert [[one.source for one in picture.each] for picture in rows.pictures] == [[data], [data, data]]
    pq.write_table(pa.table({"image": [empty] * 2, "label": [*"ab"]}), folder / "rows.parquet")
    with pytest.raises(EmptyDataError, match="names no image in any of its 2 rows"):
        metier.read(folder / "rows.parquet")


@pytest.mark.parametrize(
    ("columns", "lacking", "said"),
    [("text,label", "image", "without images"), ("image,label", "text", "without texts")],
)
def test_held_out_rows_without_the_column_of_one_modality_are_found(folder, columns, lacking, said):
    one, two = photos(folder, 2)
    path = folder / "both.csv"
    path.write_text(f"image,text,label\n{one},a milk,a\n{two},a juice,b\n", encoding="utf-8")
    train, other = metier.read(path), folder / "test.csv"
    values = {"text": "a milk", "image": two}
    other.write_text(f"{columns}\n{values[columns.split(',')[0]]},a\n", encoding="utf-8")
    test = metier.data.reading.read_alike(other, train)
    assert any(f"has no column {lacking}: its rows are read {said}" in note for note in test.notes)
    found = examine(train, test=test, label_errors=False).findings
    assert f"test-missing-{lacking}s" in {finding.check for finding in found}


def test_a_column_without_any_image_is_one_sentence(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("image,label\n,a\n ,b\n,a\n", "utf-8")
    with pytest.raises(EmptyDataError, match="column 'image' names no image in any of its 3 rows"):
        metier.read(file, image="image", label="label")
