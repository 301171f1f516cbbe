"""The student of a fusion is one encoder that learned from its answers, and says when it cannot be."""

from pathlib import Path

import numpy as np
import pytest

import metier
from metier.predictors.loading import load_predictor
from metier.runs.run_folder import RunFolder
from metier.selection.execution.distilling import DistilJoiner

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def run(tiny_base, tmp_path_factory):
    rows = metier.read(str(EXAMPLES / "banking77" / "train.csv"))
    labels = np.array(rows.labels)
    picked = np.flatnonzero(np.isin(labels, sorted(set(labels))[:6]))
    picked = np.random.default_rng(0).permutation(picked)[:200]
    return metier.train(
        rows.take(picked),
        budget="5m",
        candidates=["tfidf_linear", "encoder", "average", "distilled"],
        settings={"base": str(tiny_base), "refit": False, "threads": 1},
        run=tmp_path_factory.mktemp("distil") / "run",
    )


def test_the_student_is_one_model_that_was_taught_by_the_fusion(run):
    student = next(one for one in run.candidates if one["name"] == "distilled.v1")
    assert student["status"] == "trained", student["why"]
    assert student["facts"]["teacher"] == "average.v1"
    assert student["members"] == []
    folder = RunFolder.open(run.folder).candidate("distilled.v1")
    assert not list(folder.glob("members/*"))
    assert load_predictor(folder, threads=1).predict(["my card never came"]).probabilities.shape == (1, 6)


def test_it_answers_more_like_its_teacher_than_the_plain_encoder_does(run):
    opened = RunFolder.open(run.folder)
    teacher, student, plain = (
        opened.probabilities(name, "validation") for name in ("average.v1", "distilled.v1", "encoder.v1")
    )
    assert not np.allclose(student, plain)
    divergence = [
        float((teacher * (np.log(teacher + 1e-9) - np.log(own + 1e-9))).sum(axis=1).mean())
        for own in (student, plain)
    ]
    assert divergence[0] < divergence[1]


class Race:
    """As much of a race as a refusal looks at."""

    def __init__(self, task, trained, left=100.0):
        self.task = type("Task", (), {"name": task})()
        self.trained = trained
        self.clock = type("Clock", (), {"left_seconds": left})()
        self.run = type("Folder", (), {"entry": staticmethod(lambda name: None)})()


def entry(name, members=(), seconds=10.0):
    from metier.runs.run_folder import Entry

    return Entry(name, members=list(members), train_seconds=seconds, cost={"latency_ms": {"mean": 1.0}})


@pytest.mark.parametrize(
    ("race", "words"),
    [
        (Race("tagging", []), "tagging is not distilled"),
        (Race("classification", [entry("encoder.v1")]), "no fusion to learn from"),
        (Race("classification", [entry("average.v1", ["a", "b"])]), "needs encoder.v1"),
        (
            Race("classification", [entry("average.v1", ["a"]), entry("encoder.v1", seconds=300)]),
            "needs about 300 s and 100 s are left",
        ),
    ],
)
def test_why_nobody_is_taught_is_said(race, words):
    found = DistilJoiner("distilled.v1").join(race)
    assert found.status == "dropped"
    assert words in found.why
