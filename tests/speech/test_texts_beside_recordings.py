"""Rows with a text and a recording: both are asked, from checking to the service."""

import base64
import csv
import functools
import json
import shutil

import pytest
from click.testing import CliRunner

import metier
from metier.bundles import load_bundle
from metier.data.heard_rows import heard
from metier.errors import WrongTypeError
from metier.serving import ServingSettings
from metier.serving.app import build_app
from metier.speech import Transcriber, models
from tests.serving.conftest import running, wait_until
from tests.speech.conftest import SPOKEN, TOPICS, hear_topics

pytestmark = pytest.mark.skipif(
    models.PACKAGED["whisper-tiny-en"].parts() is None, reason="needs metier[speech]"
)
SAID = "has never been surpassed"
NOTES = ("Wrote the number down.", "Will ring again.", "Sent to Ms Ode.")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The example with a note beside each recording; one row lacks the recording, one the note."""
    folder = tmp_path_factory.mktemp("notes")
    shutil.copytree(TOPICS / "audio", folder / "audio")
    with (TOPICS / "data.csv").open(encoding="utf-8") as file:
        rows = [
            {"recording": row["audio"], "note": f"{NOTES[at % 3]} Call {at}.", "topic": row["topic"]}
            for at, row in enumerate(csv.DictReader(file))
        ]
    rows[4]["recording"] = rows[5]["note"] = ""
    with (folder / "calls.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder / "calls.csv"


@pytest.fixture(scope="module")
def bundle(table, tmp_path_factory):
    hear_topics()
    run = metier.train(
        table,
        text="note",
        audio="recording",
        budget="5m",
        candidates=["majority.v1", "tfidf_linear.v1"],
        run=tmp_path_factory.mktemp("joint") / "run",
        speech={"base": "whisper-tiny-en"},
        threads=1,
    )
    return run.candidate("tfidf_linear.v1")


def test_what_was_said_follows_the_text_of_its_row(table):
    hear_topics()
    rows = heard(metier.read(table, text="note", audio="recording"), Transcriber("whisper-tiny-en"))
    assert rows.texts[0] == f"Wrote the number down. Call 0.\n{SAID}"
    assert rows.texts[4] == "Will ring again. Call 4."
    assert "Call" not in rows.texts[5]
    assert any("transcript begins with note in 19 rows: both are read as one text" in n for n in rows.notes)


def test_the_bundle_records_both_columns(bundle):
    assert bundle.manifest.speech.beside == "note"
    roles = bundle.manifest.data.roles
    assert (roles["text"], roles["audio"]) == ("note", "recording")
    card = (bundle.folder / "README.md").read_text("utf-8")
    assert "Texts: the column note, then what the speech model whisper-tiny-en" in card


def test_both_together_are_the_text_that_was_learned_from(bundle):
    note = "Will ring again."
    both = [{"text": note, "audio": str(SPOKEN)}, f"{note}\n{SAID}", {"audio": str(SPOKEN)}, SAID, note]
    answers = bundle.predict(both)
    assert answers.record(0, None) == answers.record(1, None)
    assert answers.record(2, None) == answers.record(3, None)
    assert answers.record(0, None)["probability"] != answers.record(4, None)["probability"]
    with pytest.raises(WrongTypeError, match="expected a text, found int"):
        bundle.predict([{"text": 3, "audio": str(SPOKEN)}])


def test_files_of_rows_are_answered_and_measured_by_both_columns(bundle, table, tmp_path):
    from metier.cli.program import program

    output = tmp_path / "answers.csv"
    told = CliRunner().invoke(
        program, ["predict", str(bundle.folder), "--input", str(table), "--output", str(output)]
    )
    assert told.exit_code == 0, told.output
    with output.open(encoding="utf-8") as file:
        answers = list(csv.DictReader(file))
    rows = heard(metier.read(table, text="note", audio="recording"), Transcriber("whisper-tiny-en"))
    expected = bundle.predict(list(rows.texts))
    assert [row["label"] for row in answers] == [expected.record(at, None)["label"] for at in range(len(rows))]
    found = metier.evaluate(bundle, table)
    right = sum(row["label"] == row["topic"] for row in answers)
    assert found.metrics["accuracy"]["value"] == pytest.approx(right / len(answers))


def test_the_service_takes_both(bundle):
    settings = ServingSettings()
    with running(build_app(functools.partial(load_bundle, bundle.folder), settings), settings) as client:
        client.timeout = 120
        wait_until(lambda: client.get("/readyz").status_code == 200, seconds=120)
        sound = base64.b64encode(SPOKEN.read_bytes()).decode()
        both = client.post("/v1/predict", json={"text": "Will ring again.", "audio": sound})
        assert both.status_code == 200, both.text
        rows = {"rows": [{"text": "Will ring again.", "audio": sound}, {"text": "Will ring again."}]}
        answers = client.post("/v1/predict", json=rows).json()["answers"]
        assert answers[0]["probability"] == both.json()["probability"] != answers[1]["probability"]


def test_recordings_beside_texts_are_checked_and_their_equals_found(table):
    from metier.cli.program import program

    asked = ["check", str(table), "--text", "note", "--role", "audio=recording", "--json"]
    told = CliRunner().invoke(program, asked)
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts["facts"]["recordings"]["channels"] == {"1": 20}
    unasked = CliRunner().invoke(program, ["check", str(table), "--text", "note"])
    assert unasked.exit_code == 0


def test_rows_to_learn_from_without_any_recording_leave_recordings_alone(table, tmp_path):
    """A column of recordings that is empty in every training row: nothing is heard, also in test rows that have some."""
    from metier.selection.budget import Clock
    from metier.selection.rows.hearing import hear_all
    from metier.selection.settings import TrainSettings

    (tmp_path / "audio").symlink_to(table.parent / "audio")
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("recording,note,topic\n,one note,a\n,another note,b\n", "utf-8")
    test.write_text("recording,note,topic\naudio/LJ001-0008.flac,a third note,a\n", "utf-8")
    parts = [metier.read(path, text="note", audio="recording") for path in (train, test)]
    found = hear_all((*parts, None), TrainSettings(), Clock(60), lambda progress: None)
    assert [list(rows.texts) for rows in found[:2]] == [["one note", "another note"], ["a third note"]]
