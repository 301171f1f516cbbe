"""Slow proofs on whole data sets: the quality that the documents claim, within the budget that they name."""

import pytest

import metier
from metier.data import read_alike
from metier.evaluation import METRICS
from metier.tasks import Classification

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SMALL = 1_000


def scores(run):
    return {one["name"]: one["test"] for one in run.candidates if one["test"]}


@pytest.fixture(scope="module")
def banking77(tmp_path_factory):
    run = tmp_path_factory.mktemp("banking77") / "run"
    return metier.train(
        "examples/banking77/train.csv", test="examples/banking77/test.csv", budget="10m", run=run
    )


@pytest.fixture(scope="module")
def csl(tmp_path_factory):
    run = tmp_path_factory.mktemp("csl") / "run"
    folder = "examples/csl_category_zh"
    return metier.train(
        f"{folder}/train.csv", test=f"{folder}/test.csv", validation=f"{folder}/dev.csv", budget="10m", run=run
    )


@pytest.mark.parametrize(
    ("name", "accuracy"), [("tfidf_linear.v1", 0.910), ("frozen_linear.v1", 0.925), ("encoder.v1", 0.932)]
)
def test_each_method_reaches_its_accuracy_on_banking77(banking77, name, accuracy):
    assert scores(banking77)[name]["accuracy"]["value"] >= accuracy


def test_the_recommended_bundle_is_accurate_and_cheap(banking77):
    name = banking77.report["recommended"]
    chosen = next(one for one in banking77.candidates if one["name"] == name)
    assert chosen["test"]["accuracy"]["value"] >= 0.940
    assert chosen["latency_ms"]["mean"] <= 1.0
    assert banking77.report["seconds"] <= 1.1 * banking77.report["budget_seconds"]


def test_each_method_reaches_its_quality_on_chinese_titles(csl):
    found = scores(csl)
    assert found["tfidf_linear.v1"]["accuracy"]["value"] >= 0.785
    assert found["frozen_linear.v1"]["accuracy"]["value"] >= 0.795
    assert found["frozen_linear.v1"]["macro_f1"]["value"] >= 0.69
    assert found[csl.report["recommended"]]["accuracy"]["value"] >= 0.80


def test_with_a_thousand_chinese_rows_the_frozen_base_beats_tfidf_by_five_points():
    from metier.classical import TfidfLinear
    from metier.transformer.frozen.frozen_method import FrozenLinear

    rows = metier.read("examples/csl_category_zh/train.csv")
    few = rows.take(range(0, len(rows), len(rows) // SMALL)).take(range(SMALL))
    test = read_alike("examples/csl_category_zh/test.csv", rows)
    task = Classification.from_labels(rows.labels)
    truth = task.encode(test.labels)
    accuracy = {}
    for method in (TfidfLinear(), FrozenLinear()):
        method.fit(few.texts, few.labels)
        accuracy[method.name] = METRICS["accuracy"](truth, task.encode(list(method.predict(test.texts))))
    print(accuracy)
    assert accuracy["frozen_linear.v1"] - accuracy["tfidf_linear.v1"] > 0.05
