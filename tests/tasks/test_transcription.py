"""Transcription: which rows ask it, what is right, and what a recording in a question may be."""

import base64
from pathlib import Path

import pytest

import metier
from metier.errors import AudioError, AudioTooLongError, DataError, WrongTypeError
from metier.speech import Recording
from metier.tasks.answers.transcript import TRANSCRIPT
from metier.tasks.inputs.audio import AUDIO, SILENCE
from metier.tasks.task_table import infer_task, load_task

EXAMPLE = Path(__file__).parents[2] / "examples" / "company_words"


def write(folder, header, *rows):
    for number in (1, 2):
        (folder / f"{number}.wav").write_bytes(SILENCE)
    path = folder / "rows.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_recordings_with_what_is_said_in_them_are_transcribed():
    rows = metier.read(EXAMPLE / "data.csv")
    assert (rows.roles.audio, rows.roles.target, rows.has_texts) == ("audio", "transcript", False)
    assert infer_task(rows)[0] == "transcription"
    task = load_task("transcription").from_rows(rows)
    assert (task.input, task.primary_metric) == (AUDIO, "wer")
    assert task.items(rows)[0] == {"audio": str(EXAMPLE / "audio" / "0000.ogg")}
    assert task.targets(rows)[0] == "I would like to ask a question about Korvexil."


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("audio,text", "text"),
        ("recording,sentence", "sentence"),
        ("录音,文字稿", "文字稿"),
        ("audio,text,label", None),
    ],
)
def test_what_is_said_is_the_target_where_nothing_else_is_to_be_learned(tmp_path, header, target):
    more = ",a" if "label" in header else ""
    rows = metier.read(write(tmp_path, header, f"1.wav,one{more}", f"2.wav,two{more or ''}"))
    assert rows.roles.target == target
    assert rows.has_texts == (target is None)


def test_a_row_without_a_transcript_is_named(tmp_path):
    rows = metier.read(write(tmp_path, "audio,transcript", "1.wav,one", "2.wav,"))
    with pytest.raises(DataError, match="2"):
        load_task("transcription").from_rows(rows)


def test_case_and_punctuation_are_no_errors():
    assert TRANSCRIPT.is_right("Hello, world.", "hello world")
    assert not TRANSCRIPT.is_right("Hello, world.", "hello word")


def test_recordings_are_paths_or_bytes():
    given = ["call.wav", Path("call.wav"), b"RIFF", {"audio": "call.wav"}, Recording(b"", "x")]
    assert [one.called for one in AUDIO.read(given)] == [
        *("call.wav", "call.wav", "at position 2", "call.wav", "x"),
    ]
    with pytest.raises(WrongTypeError, match="position 0, found int"):
        AUDIO.read([5])
    assert AUDIO.fault({"audio": "call.wav"}) is None
    assert "recording" in str(AUDIO.fault({"audio": 5}))
    assert "audio" in str(AUDIO.fault({"text": "x"}))


def test_a_request_holds_the_recording_and_no_path():
    def received(value, most=10_000):
        return AUDIO.received({"audio": value}, field="audio", most_bytes=most)

    sent = base64.b64encode(SILENCE).decode()
    assert received(sent).source == received(f"data:audio/wav;base64,{sent}").source == SILENCE
    with pytest.raises(AudioError, match="not base64"):
        received("/etc/passwd!")
    with pytest.raises(AudioError, match="its content is not"):
        received(base64.b64encode(b"no sound at all").decode())
    with pytest.raises(AudioTooLongError, match="1,000 bytes are allowed"):
        received(sent, most=1_000)
