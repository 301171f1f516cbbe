"""Several tasks over one set of rows: alone and on one encoder, one bundle that answers all of them."""

import csv
import json
import re
import subprocess
import sys
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import metier
from metier.errors import CallError, MetierError
from metier.predictors.loading import load_predictor
from metier.predictors.onnx.graph_session import OnnxGraph
from metier.progress import ignore
from metier.report.several_page import task_rows
from metier.report.words import Words
from metier.runs.run_folder import RunFolder
from metier.selection import budget
from metier.selection.asked_tasks import asked_tasks
from metier.selection.budget import Clock
from metier.selection.settings import TrainSettings
from metier.selection.several_tasks import SeveralRun, _trained_alone, train_several
from metier.tasks.asked_task import AskedTask

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = ("card_arrival", "exchange_rate", "change_pin")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Complaints with a label, whether they are long, and the things that they name."""
    with (EXAMPLES / "banking77" / "train.csv").open(encoding="utf-8", newline="") as source:
        found = [row for row in csv.DictReader(source) if row["label"] in LABELS]
    order = np.random.default_rng(0).permutation(len(found))[:120]
    path = tmp_path_factory.mktemp("several") / "rows.jsonl"
    lines = []
    for row in (found[place] for place in order):
        things = [
            [one.start(), one.end(), "thing"] for one in re.finditer(r"\b(card|pin|rate)\b", row["text"], re.I)
        ]
        length = "long" if len(row["text"]) > 50 else "short"
        lines.append(
            json.dumps({"text": row["text"], "label": row["label"], "spans": things, "length": length})
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(file, cut_to, tmp_path_factory):
    few = {"encoder": {"epochs": 2}, "token_encoder": {"epochs": 2}}
    settings = {"base": str(cut_to(1, small=True)), "threads": 1, "methods": few}
    place = tmp_path_factory.mktemp("several") / "run"
    return metier.train(file, task="classification,ner", budget="5m", run=place, settings=settings)


def test_each_task_is_compared_alone_and_together_on_the_same_rows(run):
    assert isinstance(run, SeveralRun)
    assert [task["name"] for task in run.report["tasks"]] == ["classification", "ner"]
    for task in run.report["tasks"]:
        own = run.run(task["name"])
        assert own.report["data"]["rows"] == run.report["rows"]
        against = task["test"]["against"][task["recommended_alone"]]
        together, alone = (
            task["test"]["together"][task["metric"]]["value"],
            task["test"]["alone"][task["recommended_alone"]]["value"],
        )
        assert against["difference"] == pytest.approx(together - alone)
        assert against["low"] <= against["difference"] <= against["high"]
    assert run.report["recommended"] in ("together.v1", "apart.v1")


@pytest.mark.parametrize("name", ["together.v1", "apart.v1"])
def test_a_bundle_answers_every_task(run, name):
    bundle = metier.load(run.folder / "candidates" / name)
    records = [bundle.predict(["my card never came"]).record(0)]
    assert set(records[0]["tasks"]) == {"classification", "ner"}
    assert records[0]["tasks"]["classification"]["label"] in LABELS
    assert all(
        one["text"] == "my card never came"[one["start"] : one["end"]]
        for one in records[0]["tasks"]["ner"]["spans"]
    )


def test_the_encoder_runs_once_a_text(run, monkeypatch):
    predictor, texts = (
        load_predictor(run.folder / "candidates" / "together.v1"),
        ["my card never came", "which rate?"],
    )
    ran, original = [], OnnxGraph._run
    monkeypatch.setattr(
        OnnxGraph, "_run", lambda self, ids, mask: ran.append(len(ids)) or original(self, ids, mask)
    )
    both = predictor.predict(texts)
    assert sum(ran) == len(texts)
    for task, part in predictor.parts.items():  # By itself a head answers as beside the other.
        assert part.predict(texts).predicted == both.parts[task].predicted


def test_it_answers_where_importing_torch_raises(run):
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['transformers'] = None; import metier; "
        f"print(metier.load({str(run.folder / 'candidates' / 'together.v1')!r}).predict(['my card']).predicted)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "classification" in done.stdout


def test_a_finished_run_comes_back_and_its_page_names_every_task(run):
    again = metier.train(resume=run.folder)
    assert again.report == run.report
    page = (run.folder / "report.html").read_text("utf-8")
    assert "classification/report.html" in page
    assert "ner/report.html" in page


@pytest.mark.parametrize("name", ["together.v1", "apart.v1"])
def test_rows_are_measured_for_each_task(run, file, name):
    place = run.folder / "candidates" / name
    found = metier.evaluate(place, file)
    assert set(found.tasks) == {"classification", "ner"}
    assert {task: one.facts["primary_metric"] for task, one in found.tasks.items()} == {
        task["name"]: task["metric"] for task in run.report["tasks"]
    }
    texts = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    answers = metier.load(place).predict([row["text"] for row in texts])
    right = [
        answer["classification"] == row["label"] for answer, row in zip(answers.predicted, texts, strict=True)
    ]
    assert found.tasks["classification"].metrics["accuracy"]["value"] == pytest.approx(np.mean(right))
    reference = found.tasks["ner"].facts["reference"]["entity_f1"]["value"]
    [stated] = [task for task in run.report["tasks"] if task["name"] == "ner"]
    if name == "together.v1":
        assert reference == pytest.approx(stated["test"]["together"]["entity_f1"]["value"])


def test_a_column_of_targets_is_not_named_for_all_tasks(run, file):
    with pytest.raises(CallError, match="answers several tasks, each with the column"):
        metier.evaluate(run.folder, file, label="label")


def test_the_command_prints_the_figures_of_each_task(run, file, capsys):
    from metier.cli.program import run as metier_command

    assert metier_command(["evaluate", str(run.folder), str(file)]) == 0
    printed = capsys.readouterr().out
    assert "task   classification" in printed
    assert "task   ner" in printed


def test_a_task_that_took_too_long_takes_from_those_after_it(file, tmp_path):
    """Each task gets an equal share of what is left, and the encoder of all what is left before the end."""
    asked = [AskedTask.of(name) for name in ("classification:label", "classification:length", "ner")]
    given, clock = [], Clock(300.0)

    def run_one(rows, settings, place):
        given.append(settings.budget_minutes * 60)
        clock.spent_seconds += 90.0
        return SimpleNamespace(report={"seconds": 0.0})

    rows = metier.read(file, label="label", spans="none")
    settings = TrainSettings(task="x", budget_minutes=5)
    _trained_alone([(one, rows) for one in asked], settings, RunFolder(tmp_path), run_one, clock, ignore)
    assert given == pytest.approx([60.0, 45.0, 15.0], abs=1.0)


def test_without_time_one_encoder_is_not_trained_and_that_is_said(run, file, tmp_path, monkeypatch):
    """All the time is over when the tasks are trained: their bundle is shipped alone, and answers."""
    monkeypatch.setattr("metier.selection.several_tasks._seconds_together", lambda alone, clock: -3.0)
    settings = TrainSettings(task="classification,ner", budget_minutes=1, base="none", threads=1)
    rows = {
        "classification": metier.read(file, spans="none", label="label"),
        "ner": metier.read(file, label="none"),
    }
    asked = [(AskedTask.of(name), own) for name, own in rows.items()]
    split = [(one, own.with_roles(split=None)) for one, own in asked]
    folder = RunFolder(tmp_path / "run")
    found = train_several(split, settings, folder, lambda rows, given, place: run.run(place.name), ignore)
    assert found.report["recommended"] == "apart.v1"
    assert "too little of the time was left" in found.report["sentence"]
    assert list(found.report["costs"]) == ["apart.v1"]
    assert "–" in (folder.path / "report.html").read_text("utf-8")
    assert set(found.best.predict(["my card"]).predicted[0]) == {"classification", "ner"}
    assert found.best.parts.keys() == {"classification", "ner"}


def test_only_the_first_run_of_a_process_counts_its_start(monkeypatch):
    monkeypatch.setattr(budget, "_is_own_process", ContextVar("own", default=True))
    assert budget.seconds_since_process_start() > 0
    assert budget.seconds_since_process_start() == 0


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("classification,classification", "asks twice for one column"),
        ("classification,text_pair", "cannot be trained together"),
        ("classification,nerr", "There is no task called 'nerr'"),
    ],
)
def test_tasks_that_cannot_be_trained_together_are_refused(task, said):
    with pytest.raises(MetierError, match=said):
        asked_tasks(task)


@pytest.mark.parametrize("task", [",", "classification,", ",ner", "classification,,ner", "classification:,ner"])
def test_a_name_that_is_left_out_is_said(task):
    with pytest.raises(CallError, match="leaves a name out"):
        asked_tasks(task)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no such column"),
        ({"candidates": ["majority"]}, "--candidates names methods of one task"),
    ],
)
def test_what_rules_a_run_out_is_said_before_there_is_a_folder(file, tmp_path, given, said):
    with pytest.raises(MetierError, match=said):
        metier.train(file, task="classification:nowhere no such column,ner", run=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_two_tasks_of_one_kind_name_their_columns():
    found = asked_tasks("classification:intent, classification:length")
    assert [(one.task, one.column, one.folder) for one in found] == [
        ("classification", "intent", "classification-intent"),
        ("classification", "length", "classification-length"),
    ]


def test_metrics_that_are_no_fractions_are_shown_in_their_own_unit():
    figure = {"value": 0.25, "low": 0.2, "high": 0.3}
    against = {"difference": -0.05, "low": -0.1, "high": 0.0, "p_value": 0.04, "chance_worse": 0.1}
    split = {"alone": {"ridge.v1": figure}, "against": {"ridge.v1": against}}
    shown = {
        metric: task_rows(
            {"name": "a", "metric": metric, "test": {**split, "together": {metric: figure}}}, Words("en")
        )
        for metric in ("mae", "accuracy")
    }
    assert (shown["mae"][0]["together"], shown["mae"][0]["difference"]) == (
        "0.25 [0.2, 0.3]",
        "-0.05 [-0.1, +0]",
    )
    assert shown["accuracy"][0]["together"] == "25.0 [20.0, 30.0]"
