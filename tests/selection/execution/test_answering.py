"""Each candidate answers the rows of a split once, also where ensembles are made of it."""

import shutil

import numpy as np
import pytest

from metier.fusion.average import AverageFit, export_average
from metier.predictors.constant import ConstantPredictor
from metier.runs.run_folder import RunFolder
from metier.selection.execution.answering import Answering

LABELS = ("a", "b")
TEXTS = ["one", "two", "three"]


@pytest.fixture
def asked(monkeypatch):
    """The texts that members are asked about."""
    texts, predict = [], ConstantPredictor.predict

    def noting(self, items):
        texts.append(list(items))
        return predict(self, items)

    monkeypatch.setattr(ConstantPredictor, "predict", noting)
    return texts


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path)
    (tmp_path / "answers").mkdir()
    for name, probabilities in (("first.v1", [0.9, 0.1]), ("second.v1", [0.3, 0.7])):
        folder.candidate(name).mkdir(parents=True)
        ConstantPredictor(probabilities=probabilities, labels=LABELS, name=name).save(folder.candidate(name))
    put_together(folder)
    return folder


def put_together(folder):
    """Write the average of both members, as they are now."""
    members = [folder.candidate(name) for name in ("first.v1", "second.v1")]
    fit = AverageFit(temperatures=(1.0, 1.0), weights=(0.5, 0.5))
    shutil.rmtree(folder.candidate("average.v1"), ignore_errors=True)
    export_average(fit, members, folder.candidate("average.v1"), name="average.v1", labels=LABELS)


def test_an_ensemble_takes_the_answers_that_its_members_gave(run, asked):
    answering = Answering(run, LABELS, threads=1, has_ensembles=True)
    for name in ("first.v1", "second.v1", "average.v1"):
        answering.keep(name, TEXTS, "test")
    assert asked == [TEXTS, TEXTS]
    alone = Answering(run, LABELS, threads=1, has_ensembles=True).ask("average.v1", TEXTS, "test")
    assert len(asked) == 4
    np.testing.assert_allclose(run.answers("average.v1", "test").probabilities, alone.probabilities, atol=1e-6)


def test_a_member_that_changed_or_answered_another_split_is_asked_again(run, asked):
    answering = Answering(run, LABELS, threads=1, has_ensembles=True)
    for name in ("first.v1", "second.v1"):
        answering.keep(name, TEXTS, "validation")
    answering.ask("average.v1", TEXTS, "test")
    assert len(asked) == 4
    ConstantPredictor(probabilities=[0.5, 0.5], labels=LABELS, name="first.v1").save(run.candidate("first.v1"))
    put_together(run)
    answering.ask("average.v1", TEXTS, "validation")
    assert len(asked) == 5, "the other member is as it was"
