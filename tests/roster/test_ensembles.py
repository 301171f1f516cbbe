"""What every ensemble of every task keeps, made by a run of the task's two cheapest methods."""

import pytest

import metier
from metier import catalogue
from metier.bundles import load_bundle
from metier.runs.run_folder import RunFolder
from metier.tasks.method_contract import CostRank
from metier.tasks.task_table import TASKS, load_task

# These are made only where they pay, which a run says.
MAY_NOT_PAY = {"stacked.v1", "cascade.v1", "retrieve_read.v1", "distilled.v1"}
DISTILLED = "distilled.v1"


def made_by(task):
    """The ensembles of a task, what is taught by the most expensive of them included."""
    return [
        *TASKS[task].ensembles,
        *TASKS[task].further_ensembles,
        *([DISTILLED] if TASKS[task].students else []),
    ]


def cheapest_two(task):
    stated = {name: catalogue.capabilities(name) for name in TASKS[task].candidates}
    return [name for name, capabilities in stated.items() if not capabilities.is_baseline][:2]


# An ensemble takes two methods that learn.
COMBINED = [task for task, known in TASKS.items() if known.ensembles and len(cheapest_two(task)) == 2]


@pytest.fixture(scope="module", params=COMBINED)
def task_name(request):
    return request.param


@pytest.fixture(scope="module")
def rows(task_name, rows_of):
    return rows_of(task_name, "retrieve_rerank.v1" if task_name == "retrieval" else "")


@pytest.fixture(scope="module")
def run(task_name, rows, base, tmp_path_factory):
    """A run of the two methods and all ensembles of a task, on few rows."""
    fitted = cheapest_two(task_name)
    methods = {
        name: {"epochs": 1, "precision": "fp32"}
        for name in [*fitted, "encoder.v1"]
        if catalogue.capabilities(name).is_fine_tuned
    }
    return metier.train(
        rows[0],
        test=rows[1],
        task=task_name,
        candidates=[*fitted, *TASKS[task_name].ensembles, *TASKS[task_name].further_ensembles],
        budget="5m",
        run=tmp_path_factory.mktemp(task_name) / "run",
        settings={
            "base": base,
            "refit": False,
            "data": {"keep_rare": True},  # Few rows of many labels.
            "methods": methods,
            "distil": bool(TASKS[task_name].students),
        },
    )


def test_every_ensemble_is_checked():
    checked = {name for task in TASKS for name in made_by(task)}
    # Rules are given by hand and no run makes them: `test_tasks.py` has them.
    made = {name for name in catalogue.METHODS if catalogue.capabilities(name).cost is CostRank.ENSEMBLE}
    assert {*catalogue.RUN_ENSEMBLES} | made <= checked | {"span_rules.v1"}


def test_each_is_made_or_says_why_not(run, task_name):
    found = {one["name"]: one for one in run.candidates}
    for name in made_by(task_name):
        if found[name]["status"] == "dropped":
            assert name in MAY_NOT_PAY
            assert found[name]["why"]
        else:
            assert found[name]["status"] == "trained"
            assert {*found[name]["members"]} <= found.keys()


def test_each_answers_from_its_bundle_as_it_did_in_the_run(run, task_name, rows, check_record):
    task = load_task(task_name).from_rows(rows[0])
    items = task.items(rows[1])
    made = [
        one["name"]
        for one in run.candidates
        if one["name"] in made_by(task_name) and one["status"] == "trained"
    ]
    assert made
    for name in made:
        answers = load_bundle(run.folder / "candidates" / name).predict(items)
        assert list(answers.predicted) == list(RunFolder.open(run.folder).answers(name, "test").predicted)
        for row, item in enumerate(items):
            check_record(answers, row, item, task)
