"""Folders and tables of DICOM files are rows whose groups are the patients, as codes."""

import csv

import numpy as np
import pytest

import metier
from metier.data import split_rows
from metier.errors import EmptyDataError

pytest.importorskip("PIL", reason="needs metier[image]")


@pytest.fixture
def scan(dicom_files):
    random = np.random.default_rng(0)

    def write(path, patient, **attributes):
        grey = random.integers(0, 255, (16, 16), dtype=np.uint8)
        return dicom_files.written(dicom_files.made(grey, PatientID=patient, **attributes), path)

    return write


def test_folders_of_labels_have_patients_as_groups_and_no_patient_on_two_sides(scan, tmp_path):
    folder = tmp_path / "scans"
    for number in range(60):
        scan(folder / ("left", "right")[number % 2] / f"IM{number}", f"P{number // 4}")
    rows = metier.read(folder)
    assert rows.roles.group == "patient"
    assert any("codes of 15 patients from the headers" in note for note in rows.notes)
    assert not any(f"P{number}" in str(rows.table.column("patient").to_pylist()) for number in range(15))
    parts = split_rows(rows, random_state=0)
    sides = [set(part.column("group")) for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 15


def test_codes_are_the_same_when_read_again_and_others_under_another_key(scan, tmp_path, monkeypatch):
    for number in range(8):
        scan(tmp_path / "scans" / ("a", "b")[number % 2] / f"{number}.dcm", f"P{number // 4}")
    first = metier.read(tmp_path / "scans").column("group")
    assert metier.read(tmp_path / "scans").column("group") == first
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "other"))
    assert not set(metier.read(tmp_path / "scans").column("group")) & set(first)


def test_folders_of_patients_are_no_labels(scan, tmp_path):
    for patient in ("P1", "P2", "P3"):
        for number in range(2):
            scan(tmp_path / "study" / patient / f"1.2.{number}", patient)
    rows = next(metier.data.iterate(tmp_path / "study"))
    assert rows.table.column_names == ["image"]
    assert len(rows) == 6
    assert any("each sub-folder holds the files of one patient" in note for note in rows.notes)


def test_at_any_depth_and_without_what_is_no_picture(scan, dicom_files, tmp_path):
    folder = tmp_path / "study"
    scan(folder / "P1" / "series" / "IM1", "P1")
    scan(folder / "P1" / "series" / "IM2", "P1", NumberOfFrames=1)
    report = dicom_files.made(np.zeros((4, 4), np.uint8))
    for name in ("Rows", "Columns", "PixelData"):
        delattr(report, name)
    dicom_files.written(report, folder / "P1" / "DICOMDIR")
    rows = next(metier.data.iterate(folder))
    assert rows.table.column("image").to_pylist() == ["P1/series/IM1", "P1/series/IM2"]
    assert any("skipped 1 file without a picture" in note for note in rows.notes)


def test_a_table_with_dicom_files_has_patients_too_unless_a_group_is_named_or_refused(scan, tmp_path):
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "label", "site"])
        for number in range(12):
            scan(tmp_path / f"{number}.dcm", f"P{number // 3}")
            table.writerow([f"{number}.dcm", "ab"[number % 2], f"S{number // 6}"])
    rows = metier.read(tmp_path / "rows.csv")
    assert rows.roles.group == "patient"
    assert len(set(rows.column("group"))) == 4
    assert metier.read(tmp_path / "rows.csv", group="site").roles.group == "site"
    assert metier.read(tmp_path / "rows.csv", group="none").roles.group is None


def test_of_several_frames_it_is_said_which_is_used(scan, dicom_files, tmp_path):
    film = np.zeros((5, 8, 8), np.uint8)
    film[2] = 200
    for label in "ab":
        for number in range(2):
            dataset = dicom_files.made(film, frames=5, PatientID=f"P{number}")
            dicom_files.written(dataset, tmp_path / "films" / label / f"{number}.dcm")
    rows = metier.read(tmp_path / "films")
    assert any("4 images of several frames: the middle frame of each is used" in note for note in rows.notes)
    assert metier.image.decoded(metier.image.Picture.of_file(rows.image_files[0]), 8).mean() == 200


def test_photographs_have_no_patients(tmp_path):
    from PIL import Image

    for label in "ab":
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (8, 8), (number, 9, 9)).save(tmp_path / "photos" / label / f"{number}.png")
    assert metier.read(tmp_path / "photos").roles.group is None


def test_an_empty_folder_says_what_it_may_hold(tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(EmptyDataError, match="holds no rows"):
        metier.read(tmp_path / "nothing")
