"""`metier deidentify`: a folder goes in, what is sure comes out, and a list says what was done and what was not."""

import json

import pytest

from metier.cli import program

pydicom = pytest.importorskip("pydicom", reason="needs metier[medical]")


@pytest.fixture
def study(dicom_files, tmp_path):
    folder = tmp_path / "Zimmermann Aloysia"
    grey = dicom_files.ramp(32)
    for number in range(3):
        dicom_files.written(dicom_files.made(grey, StudyDate="20240310"), folder / "series" / f"IM{number}")
    dicom_files.written(dicom_files.made(grey, BurnedInAnnotation="YES"), folder / "series" / "IM9")
    (folder / "cut.dcm").write_bytes((folder / "series" / "IM0").read_bytes()[:-100])
    (folder / "note.txt").write_text("Frau Zimmermann", encoding="utf-8")
    return folder


def call(*args, code):
    assert program.run(["deidentify", *map(str, args)]) == code


def test_a_folder_is_deidentified_and_every_file_is_listed(study, dicom_files, tmp_path, capsys):
    call(study, tmp_path / "clean", "--no-ocr", code=1)
    shown = capsys.readouterr().out
    assert "3 files de-identified by PS3.15 Table E.1-1, edition 2026c" in shown
    assert "has text in its pixels (its header says so)" in shown
    assert "skipped, not DICOM: 1 file" in shown
    written = sorted((tmp_path / "clean").rglob("*.dcm"))
    assert len(written) == 3
    for path in written:
        assert dicom_files.NUMBER.encode() not in path.read_bytes()
        assert "Zimmermann" not in str(path.relative_to(tmp_path / "clean"))
    listed = json.loads((tmp_path / "clean.deidentified.json").read_text("utf-8"))
    assert (listed["written"], listed["not_written"], listed["skipped"]) == (3, 2, 1)
    by_source = {one["source"]: one for one in listed["files"]}
    assert "it is cut short" in by_source["cut.dcm"]["reason"]
    done = by_source["series/IM0"]
    assert "PatientID" in done["changes"]["replaced"]
    assert (tmp_path / "clean" / done["output"]).exists()
    assert dicom_files.NUMBER not in json.dumps(listed)  # The values themselves are in no list.
    assert (tmp_path / "clean.deidentified.json").stat().st_mode & 0o077 == 0


def test_nothing_is_replaced(study, tmp_path, capsys):
    key = tmp_path / "study.key"
    call(study, tmp_path / "clean", "--no-ocr", "--key", key, code=1)
    before = {path: path.read_bytes() for path in (tmp_path / "clean").rglob("*.dcm")}
    call(study, tmp_path / "clean", "--no-ocr", "--key", key, code=2)
    assert "stays as it is" in capsys.readouterr().err
    call(study, tmp_path / "clean", "--no-ocr", "--key", key, "--report", tmp_path / "again.json", code=1)
    assert before == {path: path.read_bytes() for path in (tmp_path / "clean").rglob("*.dcm")}
    again = json.loads((tmp_path / "again.json").read_text("utf-8"))
    assert again["written"] == 0
    assert sum("exists already, and stays as it is" in one.get("reason", "") for one in again["files"]) == 3


def test_codes_are_kept_with_a_key_and_forgotten_without(study, tmp_path):
    outputs = []
    for name, key in (("a", "k"), ("b", "k"), ("c", None)):
        wanted = ["--key", tmp_path / key] if key else []
        call(study, tmp_path / name, "--no-ocr", *wanted, code=1)
        outputs.append({path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.dcm")})
    assert outputs[0] == outputs[1]
    assert not outputs[0] & outputs[2]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("clean", "does not exist"),
        ("study/inside", "whose files it would be mixed with"),
        ("file", "is a file"),
    ],
)
def test_a_call_that_cannot_work_says_so(place, said, study, tmp_path, capsys):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    source = tmp_path / "nowhere" if place == "clean" else study
    target = study / "inside" if "/" in place else tmp_path / place
    call(source, target, code=2)
    assert said in capsys.readouterr().err


def test_a_list_for_programs(study, tmp_path, capsys):
    call(study, tmp_path / "clean", "--no-ocr", "--dates", "shift", "--write-burned-in", "--json", code=1)
    facts = json.loads(capsys.readouterr().out)
    assert (facts["written"], facts["dates"]) == (4, "shifted")
    assert any(one.get("text_in_pixels", {}).get("stated") for one in facts["files"])


def test_in_chinese(study, tmp_path, capsys):
    call(study, tmp_path / "clean", "--no-ocr", "--lang", "zh", code=1)
    shown = capsys.readouterr().out
    assert "去标识化" in shown
    assert "未写入" in shown
