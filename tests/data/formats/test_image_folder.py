"""Folders of images as other tools write them: metadata beside the images, splits as folders."""

import shutil
from pathlib import Path

import pytest

import metier
from metier.data.splitting_columns import positions_by_split
from metier.errors import DataError

pytest.importorskip("PIL", reason="needs metier[image]")
GROCERIES = Path(__file__).parents[3] / "examples" / "groceries" / "images"


def put(*places):
    for number, place in enumerate(places):
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sorted(GROCERIES.iterdir())[number], place)


def test_metadata_names_the_images_beside_it(tmp_path):
    put(tmp_path / "images" / "1.jpg", tmp_path / "images" / "2.jpg", tmp_path / "images" / "3.jpg")
    lines = "file_name,label\nimages/1.jpg,milk\nimages/2.jpg,juice\n"
    (tmp_path / "metadata.csv").write_text(lines, encoding="utf-8")
    rows = metier.read(tmp_path)
    assert (rows.roles.image, rows.labels) == ("file_name", ["milk", "juice"])
    assert rows.image_files == [str(tmp_path / "images/1.jpg"), str(tmp_path / "images/2.jpg")]
    assert any("1 image in" in note and "without a row in metadata.csv" in note for note in rows.notes)


def test_splits_are_folders_with_metadata_of_their_own(tmp_path):
    put(tmp_path / "train" / "1.jpg", tmp_path / "train" / "2.jpg", tmp_path / "test" / "1.jpg")
    line = '{"file_name": "%d.jpg", "text": "a carton", "label": "%s"}\n'
    (tmp_path / "train" / "metadata.jsonl").write_text(line % (1, "a") + line % (2, "b"), encoding="utf-8")
    (tmp_path / "test" / "metadata.jsonl").write_text(line % (1, "a"), encoding="utf-8")
    rows = metier.read(tmp_path)
    assert rows.column("image") == ["test/1.jpg", "train/1.jpg", "train/2.jpg"]
    assert {name: list(own) for name, own in positions_by_split(rows).items()} == {"train": [1, 2], "test": [0]}
    assert rows.has_texts
    assert "the split of each row is taken from the name of its folder" in rows.notes


def test_splits_are_folders_of_classes(tmp_path):
    put(*(tmp_path / split / label / "1.jpg" for split in ("train", "valid") for label in ("cat", "dog")))
    rows = metier.read(tmp_path)
    assert rows.labels == ["cat", "dog", "cat", "dog"]
    assert rows.column("split") == ["train", "train", "validation", "validation"]
    assert rows.image_faults == {}
    batch = next(metier.data.reading.iterate(tmp_path))
    assert batch.column("image")[0] == "train/cat/1.jpg"


def test_a_table_beside_one_folder_of_images_is_the_rows_and_not_the_folder_a_label(tmp_path):
    put(tmp_path / "images" / "1.jpg", tmp_path / "images" / "2.jpg")
    (tmp_path / "data.csv").write_text("image,label\nimages/1.jpg,a\nimages/2.jpg,b\n", encoding="utf-8")
    assert metier.read(tmp_path).labels == ["a", "b"]


def test_classes_that_are_called_as_a_split_stay_labels_where_others_are_not(tmp_path):
    put(tmp_path / "train" / "1.jpg", tmp_path / "bus" / "1.jpg")  # Kinds of traffic.
    assert metier.read(tmp_path).labels == ["bus", "train"]


@pytest.mark.parametrize("note", ["a/notes.txt", "train/notes.txt", "a/b/notes.txt"])
def test_a_text_among_images_is_a_note(tmp_path, note):
    put(*(tmp_path / label / f"{number}.jpg" for label in "ab" for number in (1, 2)))
    (tmp_path / note).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / note).write_text("about these images", encoding="utf-8")
    rows = metier.read(tmp_path)
    assert (rows.labels, rows.has_images) == (["a", "a", "b", "b"], True)


def test_an_image_among_texts_is_left_out(tmp_path):
    put(tmp_path / "a" / "logo.png")
    for label in "ab":
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / "1.txt").write_text(f"a text of {label}", encoding="utf-8")
    rows = metier.read(tmp_path)
    assert (rows.labels, rows.has_images) == (["a", "b"], False)
    assert "skipped 1 file not named .txt" in rows.notes


def test_a_split_without_images_is_said(tmp_path):
    put(*(tmp_path / "train" / label / "1.jpg" for label in "ab"))
    (tmp_path / "test" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match=r"test holds no images in sub-folders, and .*train does"):
        metier.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("metadata.csv", "name,label\n1,a\n2,b\n", r"has no column of names of images \(name, label\)"),
        (
            "metadata.jsonl",
            '{"file_name": 1, "label": "a"}\n',
            "has '1' as its first file_name, which is no name",
        ),
        ("metadata.csv", "", "is empty"),
        ("metadata.csv", "file_name,label\n", "has no rows under its columns"),
        ("metadata.jsonl", '{"file_name": "1.jpg"\n', "this is not JSON"),
        (
            "metadata.jsonl",
            '{"file_name": "9.jpg", "label": "a"}\n',
            "9.jpg cannot be used: there is no such file",
        ),
        ("metadata.jsonl", '{"file_name": null, "label": "a"}\n{"file_name": "1.jpg"}\n', "no image is named"),
        ("metadata.jsonl", '{"file_name": "../1.jpg", "label": "a"}\n', "lies outside"),
    ],
)
def test_metadata_that_names_no_images_is_said(tmp_path, name, text, said):
    put(tmp_path / "1.jpg")
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        metier.read(tmp_path)


def test_of_two_tables_of_metadata_the_one_that_is_not_read_is_said(tmp_path):
    put(tmp_path / "1.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,label\n1.jpg,a\n", encoding="utf-8")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.jpg", "label": "b"}\n', encoding="utf-8")
    rows = metier.read(tmp_path)
    assert rows.labels == ["b"]
    assert any("metadata.csv is left out, as metadata.jsonl is read" in note for note in rows.notes)
