"""Rows of recordings: paths from the folder of their file, and sentences for those that lead nowhere."""

import shutil
from pathlib import Path

import pytest

import metier
from metier.audit import examine
from metier.data import split_rows
from metier.data.columns.value_faults import FaultLog
from metier.errors import BrokenValueError

pytest.importorskip("av", reason="needs metier[speech]")
EXAMPLES = Path(__file__).parents[3] / "examples"
TOPICS = EXAMPLES / "spoken_topics" / "data.csv"


@pytest.fixture
def folder(tmp_path):
    """Two digits, two files that are none, and a table of them."""
    for digit in (1, 2):
        shutil.copy(EXAMPLES / "spoken_digits" / str(digit) / f"{digit}_theo_0.wav", tmp_path / f"{digit}.wav")
    (tmp_path / "note.wav").write_text("no recording at all, but a text", encoding="utf-8")
    (tmp_path / "empty.wav").touch()
    return tmp_path


def write(folder, *names, label="a"):
    path = folder / "rows.csv"
    path.write_text("\n".join(["audio,label", *(f"{name},{label}" for name in names)]) + "\n", encoding="utf-8")
    return path


def test_a_column_of_names_of_recordings_is_one():
    rows = metier.read(TOPICS)
    assert (rows.roles.audio, rows.roles.text, rows.roles.label) == ("audio", "audio", "topic")
    assert "audio = audio, inferred (--role audio=COLUMN)" in rows.notes
    assert not rows.has_texts
    assert Path(rows.audio_files[3]).is_file()
    assert len(rows.fingerprint) == 64


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_other_forms_of_tables_hold_recordings_too(folder, form):
    table = metier.read(write(folder, "1.wav", "2.wav")).table.to_pandas()
    path = folder / f"rows.{form}"
    table.to_parquet(path) if form == "parquet" else table.to_json(path, orient="records", lines=True)
    assert metier.read(path).audio_files == [str(folder / "1.wav"), str(folder / "2.wav")]


def test_folders_of_classes_are_rows():
    rows = metier.read(EXAMPLES / "spoken_digits")
    assert (len(rows), len(set(rows.labels)), rows.roles.audio) == (20, 10, "audio")


def test_folders_of_recordings_alone_are_rows_without_labels(folder):
    for name in ("note.wav", "empty.wav"):
        (folder / name).unlink()
    rows = metier.read(folder)
    assert rows.audio_files == [str(folder / "1.wav"), str(folder / "2.wav")]
    assert rows.roles.label is None


def test_beside_texts_recordings_are_not_heard_unless_asked(folder):
    path = folder / "both.csv"
    path.write_text("audio,text,label\n1.wav,one,a\n2.wav,two,b\n", encoding="utf-8")
    rows = metier.read(path)
    assert (rows.roles.audio, rows.roles.text) == (None, "text")
    assert any(
        "not heard as there are texts (--role audio=COLUMN to hear them beside" in note for note in rows.notes
    )
    assert metier.read(path, text="none").roles.audio == "audio"
    assert metier.read(path, text="text", audio="audio").has_texts


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("note.wav", "its content is not WAV"),
        ("empty.wav", "it is empty"),
        ("gone.wav", "there is no such file"),
        ("../outside.wav", "lies outside"),
    ],
)
def test_a_path_that_leads_nowhere_says_its_row_and_column(folder, name, fault):
    path = write(folder, "1.wav", name)
    with pytest.raises(BrokenValueError, match=r"row 2, column 'audio'") as raised:
        metier.read(path)
    assert fault in str(raised.value)


def test_check_reports_faults_copies_and_silence(folder):
    shutil.copy(folder / "1.wav", folder / "again.wav")
    content = bytearray((folder / "2.wav").read_bytes())
    content[44:] = bytes(len(content) - 44)
    (folder / "silent.wav").write_bytes(content)
    log = FaultLog()
    names = ("1.wav", "again.wav", "silent.wav", "note.wav")
    rows = metier.read(write(folder, *names), faults=log)
    found = examine(rows, faults={"train": log})
    assert found.find("broken-recordings")[0].rows == (3,)
    assert found.find("silent-recordings")[0].rows == (2,)
    assert found.find("duplicates")[0].rows == (1,)
    assert found.find("speech-language") or found.find("no-speech-model")
    assert found.facts["recordings"]["rates"] == {"8000": 3}


def test_copies_stay_in_one_split(folder):
    rows = metier.read(TOPICS)
    doubled = rows.take([*range(len(rows)), *range(len(rows))])
    splits = split_rows(doubled, random_state=0)
    contents = [set(part.whole_inputs) for part in (splits.train, splits.validation, splits.test)]
    assert not contents[0] & contents[1]
    assert not contents[0] & contents[2]
