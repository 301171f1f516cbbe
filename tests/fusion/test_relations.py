"""Fusions of methods that are asked about more than one text: what they are handed reaches their members whole."""

import json
from pathlib import Path

import numpy as np
import pytest

from metier.classical import Majority
from metier.classical.relation_linear import RelationLinear
from metier.fusion import Average, Cascade
from metier.predictors import load_predictor

SEMEVAL = Path(__file__).parents[2] / "examples" / "semeval2010_task8"


def read(name):
    with (SEMEVAL / f"{name}.jsonl").open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    lines = [
        line for line in lines if line["label"] in ("Other", "Cause-Effect(e2,e1)", "Entity-Destination(e1,e2)")
    ]
    items = [
        {"text": line["text"], **{e: [line[e]["start"], line[e]["end"]] for e in ("head", "tail")}}
        for line in lines
    ]
    return items, [line["label"] for line in lines]


@pytest.fixture(scope="module")
def train():
    return read("train")


@pytest.fixture(scope="module")
def unseen():
    return read("test")


def members():
    return [RelationLinear(model="svc", C=1.0), RelationLinear(model="logistic", C=10.0)]


@pytest.mark.parametrize(
    "build",
    [
        lambda: Average(members=members()),
        lambda: Cascade(stages=members(), margin=0.2),
        lambda: Cascade(stages=[Majority(), Average(members=members())], margin=0.2),
    ],
    ids=["average", "cascade", "cascade of average"],
)
def test_a_fusion_of_relations_answers_exported_as_in_memory(build, train, unseen, tmp_path):
    fitted = build().fit(*train)
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(unseen[0])
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(unseen[0]), atol=1e-6)
    assert np.mean(np.array(answers.predicted) == np.array(unseen[1])) > 0.7


def test_the_cheap_stage_keeps_what_it_is_sure_of(train, unseen, tmp_path):
    fitted = Cascade(stages=members(), margin=0.2).fit(*train)
    assert fitted.certificate_.threshold is not None
    fitted.export(tmp_path)
    assert "relation_linear.v1" in load_predictor(tmp_path).predict(unseen[0]).answered_by
