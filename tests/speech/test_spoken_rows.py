"""Rows of recordings from training to the service: heard once, answered as texts, the speech model recorded."""

import base64
import csv
import functools
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import metier
from metier.bundles import load_bundle
from metier.data.heard_rows import heard
from metier.errors import BaseModelError, WrongTypeError
from metier.serving import ServingSettings
from metier.serving.app import build_app
from metier.speech import Transcriber, models
from tests.serving.conftest import running, wait_until
from tests.speech.conftest import SPOKEN, TOPICS, hear_topics
from tests.speech.test_decoding import silent_wav

pytestmark = pytest.mark.skipif(
    models.PACKAGED["whisper-tiny-en"].parts() is None, reason="needs metier[speech]"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on the example. What is said in it is in the cache already, so that no test waits for hearing."""
    hear_topics()
    return metier.train(
        TOPICS / "data.csv",
        budget="5m",
        candidates=["majority.v1", "tfidf_linear.v1"],
        run=tmp_path_factory.mktemp("speech") / "run",
        speech={"base": "whisper-tiny-en"},
        threads=1,
        refit=False,
    )


@pytest.fixture(scope="module")
def bundle(run):
    return run.candidate("tfidf_linear.v1")


def test_the_bundle_records_what_heard(bundle):
    speech = bundle.manifest.speech
    assert (speech.name, speech.languages) == ("whisper-tiny-en", ("en",))
    assert bundle.manifest.data.roles["text"] == "transcript"
    card = (bundle.folder / "README.md").read_text("utf-8")
    assert "what the speech model whisper-tiny-en (SHA-256" in card


def test_the_report_says_what_was_heard_and_for_how_long(run):
    notes = run.report["data"]["notes"]
    assert any("transcript is what whisper-tiny-en heard in 21 recordings" in note for note in notes)
    assert "hearing the recordings" in run.report["phases"]


def test_recordings_and_texts_get_the_same_answer(bundle):
    spoken = bundle.predict([{"audio": str(SPOKEN)}, "has never been surpassed", {"text": "seven of clubs"}])
    assert spoken.record(0, None) == spoken.record(1, None)
    with pytest.raises(WrongTypeError, match="both text and audio are given"):
        bundle.predict([{"audio": str(SPOKEN), "text": "too much"}])
    with pytest.raises(WrongTypeError, match="'audio' should be a recording"):
        bundle.predict([{"audio": 3}])


def test_another_speech_model_than_in_training_is_refused(bundle):
    changed = bundle.manifest.speech.model_copy(update={"sha256": "0" * 64})
    other = type(bundle)(
        bundle.folder, bundle.manifest.model_copy(update={"speech": changed}), bundle.predictor
    )
    with pytest.raises(BaseModelError, match="Put the former weights back"):
        other.predict([{"audio": str(SPOKEN)}])


def test_files_of_rows_are_answered_and_measured(bundle, tmp_path):
    source, output = TOPICS / "data.csv", tmp_path / "answers.csv"
    told = _metier("predict", bundle.folder, "--input", source, "--output", output)
    assert told.exit_code == 0, told.output
    with output.open(encoding="utf-8") as file:
        answers = [row["label"] for row in csv.DictReader(file)]
    found = metier.evaluate(bundle, source)
    right = sum(a == row["topic"] for a, row in zip(answers, _rows(source), strict=True))
    assert found.metrics["accuracy"]["value"] == pytest.approx(right / 21)
    assert right > 15


def _rows(path):
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _metier(*args):
    from metier.cli.program import program

    return CliRunner().invoke(program, [str(arg) for arg in args], catch_exceptions=False)


def test_a_path_that_is_typed_is_heard_and_a_text_is_read(bundle):
    lines = _metier("predict", bundle.folder, "--json", SPOKEN, "has never been surpassed").output.splitlines()
    first, second = (json.loads(line) for line in lines)
    assert first["label"] == second["label"]


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_the_name_of_a_recording_that_is_not_there_is_no_text(bundle, command):
    from metier.cli.program import run

    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metier.cli.failures.print_line", lambda line, **_: told.append(line))
        assert run([command, str(bundle.folder), "missing.wav"]) == 1
    assert "The recording missing.wav cannot be used: there is no such file. Correct the path" in told[0]
    assert _metier("predict", bundle.folder, "please play missing.wav").exit_code == 0


def test_what_is_explained_of_a_recording_is_what_was_said(bundle):
    facts = json.loads(_metier("explain", bundle.folder, SPOKEN, "--json").stdout)
    assert {word["text"] for word in facts["words"]} >= {"surpassed", "never"}


def test_a_file_without_any_usable_recording_is_answered_by_nobody(bundle, tmp_path):
    (tmp_path / "rows.csv").write_text("audio\nmissing.wav\nother.wav\n", "utf-8")
    told = _metier("predict", bundle.folder, "--input", tmp_path / "rows.csv", "--output", tmp_path / "out.csv")
    assert told.exit_code == 0
    assert "not answered: 2 rows; not_answered says why" in told.output
    assert "answered ;" not in told.output


def test_rows_with_some_texts_keep_them(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f"audio,text\n{SPOKEN.name},\n,typed by hand\n", encoding="utf-8")
    (tmp_path / SPOKEN.name).write_bytes(SPOKEN.read_bytes())
    rows = heard(metier.read(path, text="text", audio="audio"), Transcriber("whisper-tiny-en"))
    assert rows.texts[1] == "typed by hand"
    assert "never been" in rows.texts[0]


@pytest.fixture(scope="module")
def client(bundle):
    settings = ServingSettings(max_audio_seconds=20, max_audio_bytes=400_000)
    with running(build_app(functools.partial(load_bundle, bundle.folder), settings), settings) as client:
        client.timeout = 120  # Hearing keeps a core busy, and others may want it.
        wait_until(lambda: client.get("/readyz").status_code == 200, seconds=120)
        yield client


def encoded(content):
    return base64.b64encode(content).decode()


def test_the_service_takes_recordings_beside_texts(client):
    spoken = client.post("/v1/predict", json={"audio": encoded(SPOKEN.read_bytes())}).json()
    written = client.post("/v1/predict", json={"text": "has never been surpassed"}).json()
    assert spoken["label"] == written["label"]
    rows = {"rows": [{"audio": encoded(SPOKEN.read_bytes())}, {"text": "seven of clubs"}]}
    assert len(client.post("/v1/predict", json=rows).json()["answers"]) == 2


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        ("no base64!", 422, "bad_audio"),
        (encoded(b"not a recording at all"), 422, "bad_audio"),
        (encoded(bytes(400_001)), 413, "audio_too_long"),
        (encoded(silent_wav(22, rate=8_000)), 413, "audio_too_long"),
    ],
)
def test_what_is_no_recording_or_too_long_is_refused(client, content, status, code):
    answer = client.post("/v1/predict", json={"audio": content})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["field"] == "audio"


def test_transcriptions_come_in_the_forms_of_openai(client):
    def ask(**fields):
        return client.post(
            "/v1/audio/transcriptions",
            files={"file": ("talk.flac", SPOKEN.read_bytes(), "audio/flac")},
            data={"model": "whisper-1", **fields},
        )

    plain = ask().json()
    assert "never been" in plain["text"]
    verbose = ask(response_format="verbose_json", language="en").json()
    assert verbose["text"] == plain["text"]
    assert verbose["words"][0]["start"] >= 0
    assert ask(response_format="vtt").text.startswith("WEBVTT\n\n00:00:0")
    assert ask(language="zh").json()["error"]["code"] == "unheard_language"
    assert ask(response_format="doc").status_code == ask(speed="2").status_code == 422


def test_bodies_that_are_no_whole_form_are_refused(client):
    where = "/v1/audio/transcriptions"
    assert client.post(where, json={"file": "x"}).status_code == 415
    cut = {"content": b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n", "headers": {}}
    cut["headers"]["content-type"] = "multipart/form-data; boundary=b"
    assert client.post(where, **cut).json()["error"]["code"] == "bad_multipart"
    assert client.post(where, files={"other": b"x"}).json()["error"]["code"] == "unknown_field"
    two = client.post(where, files=[("file", ("a.wav", b"x")), ("file", ("b.wav", b"y"))])
    assert two.json()["error"]["message"] == "2 files are given in field 'file'. Send one in a request."
    named = {"files": {"file": ("a.wav", b"x")}, "data": {"language": ["en", "zh"]}}
    assert client.post(where, **named).json()["error"]["field"] == "language"
    as_file = client.post(where, files={"file": ("a.wav", b"x"), "response_format": ("f.txt", b"json")})
    assert "Send it as in: curl -F response_format=VALUE" in as_file.json()["error"]["message"]
    no_file = client.post(where, files={"file": (None, "talk.wav")})
    assert "The file is missing. Send it as multipart" in no_file.json()["error"]["message"]
    for content, message in ((b"", "it is empty (0 bytes)"), (silent_wav(0), "it holds no sound (0 samples)")):
        answer = client.post(where, files={"file": ("a.wav", content)}).json()["error"]
        assert (answer["field"], message in answer["message"]) == ("file", True)
    too_large = client.post(where, files={"file": ("a.wav", bytes(9_000_000))})
    assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "body_too_large")
    assert "Send fewer or smaller inputs" in too_large.json()["error"]["message"]
    too_long = client.post(where, files={"file": ("a.wav", silent_wav(22))})
    assert (too_long.status_code, too_long.json()["error"]["code"]) == (413, "audio_too_long")
