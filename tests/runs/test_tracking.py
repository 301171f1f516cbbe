"""What followers of a run write down, read back by other means than ours."""

import csv
import json
import struct
from pathlib import Path

import pytest

from metier.errors import MissingExtraError, UnknownNameError
from metier.progress import Progress
from metier.runs.tensorboard_events import EventFile, crc32c, masked
from metier.runs.tracking import check_trackers, followed, open_trackers, tag
from metier.selection.api import train

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
with (EXAMPLES / "banking77/train.csv").open(encoding="utf-8") as lines:
    ROWS = [row for row in csv.DictReader(lines) if row["label"] in ("age_limit", "exchange_rate")][::2]


def records(path: Path):
    """The payloads of an event file; every checksum is looked at."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack("<Q", data[at : at + 8])
        assert struct.unpack("<I", data[at + 8 : at + 12])[0] == masked(crc32c(data[at : at + 8]))
        payload = data[at + 12 : at + 12 + length]
        assert struct.unpack("<I", data[at + 12 + length : at + 16 + length])[0] == masked(crc32c(payload))
        yield payload
        at += 16 + length


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked") / "run"
    return train(ROWS, candidates=["majority", "tfidf_linear"], run=folder, settings={"track": ["tensorboard"]})


def test_the_checksum_is_castagnolis():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, appendix B.4 and every table of CRCs.
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_each_candidate_has_its_file_with_its_figures(run):
    for one in run.candidates:
        [path] = (run.folder / "tensorboard" / one["name"]).iterdir()
        payloads = list(records(path))
        assert b"brain.Event:2" in payloads[0]
        assert any(b"test/accuracy" in payload for payload in payloads)


def test_tensorboard_reads_the_file(tmp_path):
    loader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs metier[track]"
    )
    file = EventFile(tmp_path)
    file.add("loss", 0.75, 3)
    file.add("loss", 0.5, 300)
    events = loader.EventAccumulator(str(tmp_path)).Reload()
    assert [(one.step, one.value) for one in events.Scalars("loss")] == [(3, 0.75), (300, 0.5)]


@pytest.mark.filterwarnings("default")
def test_mlflow_in_a_file(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs metier[track]")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    finished = train(ROWS, candidates=["majority"], run=tmp_path / "run", settings={"track": ["mlflow"]})
    client = mlflow.tracking.MlflowClient(tracking_uri=f"sqlite:///{finished.folder}/mlflow.db")
    [kept] = client.search_runs([client.get_experiment_by_name("metier").experiment_id])
    expected = finished.candidates[0]["test"]["accuracy"]["value"]
    assert kept.data.metrics["majority.v1/test/accuracy"] == pytest.approx(expected)
    assert kept.info.status == "FINISHED"


@pytest.mark.filterwarnings("default")
def test_wandb_stays_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="needs metier[track]")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    finished = train(ROWS, candidates=["majority"], run=tmp_path / "run", settings={"track": ["wandb"]})
    [kept] = (finished.folder / "wandb").glob("offline-run-*/*.wandb")
    assert b"majority.v1/test/accuracy" in kept.read_bytes()


def test_facts_of_a_step_are_heard_by_both(tmp_path):
    heard = []
    listener = followed(heard.append, open_trackers(["tensorboard"], tmp_path))
    listener(Progress("encoder.v1: fine-tuning", 10, 100, facts={"step": 7, "loss": 0.25}))
    listener(Progress("reading", 0))
    assert len(heard) == 2
    [path] = (tmp_path / "tensorboard" / "encoder.v1").iterdir()
    [_, payload] = records(path)
    assert b"fine-tuning/loss" in payload
    assert struct.pack("<f", 0.25) in payload
    assert b"\x10\x07" in payload  # Field 2, the step.


def test_names_are_what_trackers_take():
    assert tag("encoder.v1: fine-tuning") == "encoder.v1/fine-tuning"
    assert tag("seed-1, x.v1: trying svc, C = 1") == "seed-1/x.v1/trying_svc/C___1"


def test_what_is_unknown_or_missing_is_said_before_any_work(tmp_path, monkeypatch):
    with pytest.raises(UnknownNameError, match="tensorboard"):
        train(ROWS, run=tmp_path / "run", settings={"track": ["tensorbord"]})
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr("metier.runs.tracking.importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'metier\[track\]'"):
        check_trackers(["mlflow"])
    check_trackers(["tensorboard"])


def test_a_report_of_a_followed_run_is_like_any_other(run):
    assert json.loads((run.folder / "report.json").read_text("utf-8"))["settings"]["track"] == ["tensorboard"]
