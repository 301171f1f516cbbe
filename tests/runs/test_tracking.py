"""What trackers of a run write, read back with their own packages."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from metier.errors import MissingExtraError, UnknownNameError
from metier.progress import Progress
from metier.runs.tracking import check_trackers, followed, open_trackers, tag
from metier.selection.api import train

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
with (EXAMPLES / "banking77/train.csv").open(encoding="utf-8") as lines:
    ROWS = [row for row in csv.DictReader(lines) if row["label"] in ("age_limit", "exchange_rate")][::2]


def scalars(folder: Path, name: str):
    return [(one.step, one.value) for one in EventAccumulator(str(folder)).Reload().Scalars(name)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked") / "run"
    return train(ROWS, candidates=["majority", "tfidf_linear"], run=folder, settings={"track": ["tensorboard"]})


def test_tensorboard_reads_the_scores_of_each_candidate(run):
    for one in run.candidates:
        found = scalars(run.folder / "tensorboard" / one["name"], "test/accuracy")
        assert found == [(0, pytest.approx(one["test"]["accuracy"]["value"]))]


def test_every_step_is_on_the_disk_at_once(tmp_path):
    [tracker] = open_trackers(["tensorboard"], tmp_path)
    tracker.record("encoder.v1/loss", {"train": 0.75, "rate": 0.5}, 3)
    assert scalars(tmp_path / "tensorboard/encoder.v1", "loss/train") == [(3, 0.75)]
    tracker.record("encoder.v1/loss", {"train": 0.5}, 300)
    assert scalars(tmp_path / "tensorboard/encoder.v1", "loss/train") == [(3, 0.75), (300, 0.5)]
    assert scalars(tmp_path / "tensorboard/encoder.v1", "loss/rate") == [(3, 0.5)]


def test_tensorflow_is_not_imported_for_event_files(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise RuntimeError('TensorFlow was imported')", encoding="utf-8")
    program = (
        "import sys; from pathlib import Path; from metier.runs.tracking import TensorBoard;"
        "TensorBoard(Path('.')).record('a', {'b': 1.0}, 1);"
        "assert not {'tensorflow', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


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


def test_facts_of_a_step_go_to_the_terminal_and_the_trackers(tmp_path):
    shown = []
    listener = followed(shown.append, open_trackers(["tensorboard"], tmp_path))
    listener(Progress("encoder.v1: fine-tuning", 10, 100, facts={"step": 7, "loss": 0.25}))
    listener(Progress("reading", 0))
    assert len(shown) == 2
    assert scalars(tmp_path / "tensorboard/encoder.v1", "fine-tuning/loss") == [(7, 0.25)]


def test_names_are_what_trackers_take():
    assert tag("encoder.v1: fine-tuning") == "encoder.v1/fine-tuning"
    assert tag("seed-1, x.v1: trying svc, C = 1") == "seed-1/x.v1/trying_svc/C___1"


def test_an_unknown_or_missing_tracker_is_reported_before_any_work(tmp_path, monkeypatch):
    with pytest.raises(UnknownNameError, match="tensorboard"):
        train(ROWS, run=tmp_path / "run", settings={"track": ["tensorbord"]})
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr("metier.runs.tracking.importlib.util.find_spec", lambda name: None)
    for name in ("tensorboard", "wandb", "mlflow"):
        with pytest.raises(MissingExtraError, match=rf"--track {name}.*pip install 'metier\[track\]'"):
            check_trackers([name])


def test_a_report_of_a_followed_run_is_like_any_other(run):
    assert json.loads((run.folder / "report.json").read_text("utf-8"))["settings"]["track"] == ["tensorboard"]
