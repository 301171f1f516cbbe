"""Averages of sets of labels and of scores, compared, sealed and used."""

from pathlib import Path

import numpy as np
import pytest

import metier
from metier.bundles import load_bundle
from metier.runs.run_folder import RunFolder

EXAMPLES = Path(__file__).parents[3] / "examples"


def some(file, n_rows, **roles):
    rows = metier.read(EXAMPLES / file, **roles)
    return rows.take(np.random.default_rng(0).permutation(len(rows))[:n_rows])


@pytest.fixture(scope="module")
def sets(small_base, tmp_path_factory):
    return metier.train(
        some("sgd_dialogues/acts/train.jsonl", 160),
        candidates=["many_labels_linear", "frozen_many_labels", "label_average"],
        budget="5m",
        run=tmp_path_factory.mktemp("sets") / "run",
        settings={"base": str(small_base), "refit": False},
    )


@pytest.fixture(scope="module")
def scores(small_base, tmp_path_factory):
    return metier.train(
        some("covid_faq/question_pairs.csv", 160, score="similar", label="none"),
        candidates=["ridge", "frozen_ridge", "score_average"],
        budget="5m",
        run=tmp_path_factory.mktemp("scores") / "run",
        settings={"base": str(small_base), "refit": False},
    )


@pytest.mark.parametrize("kind", ["sets", "scores"])
def test_an_average_is_as_good_as_its_worst_member_at_least(kind, request):
    run = request.getfixturevalue(kind)
    by_name = {one["name"]: one for one in run.candidates}
    (average,) = (one for name, one in by_name.items() if "average" in name)
    assert average["status"] == "trained", average["why"]
    assert len(average["members"]) == 2
    metric, sign = run.report["primary_metric"], 1 if kind == "sets" else -1
    if run.report["metrics"][metric]["higher_is_better"]:
        sign = 1
    worst = min(sign * by_name[member]["test"][metric]["value"] for member in average["members"])
    assert sign * average["test"][metric]["value"] >= worst


def test_validation_answers_of_an_average_are_of_fits_that_did_not_see_the_row(sets, scores):
    for run, name in ((sets, "label_average.v1"), (scores, "score_average.v1")):
        folder = RunFolder.open(run.folder)
        kept = folder.answers(name, "validation")
        assert len(kept.predicted) == run.report["data"]["rows"]["validation"]
    kept = RunFolder.open(scores.folder).answers("score_average.v1", "validation").predicted
    members = [
        RunFolder.open(scores.folder).answers(one, "validation").predicted
        for one in ("ridge.v1", "frozen_ridge.v1")
    ]
    facts = next(one for one in scores.candidates if one["name"] == "score_average.v1")["facts"]
    weights = [facts["weights"][one] for one in ("ridge.v1", "frozen_ridge.v1")]
    assert not np.allclose(kept, np.dot(weights, members), atol=1e-4)


def test_they_answer_sealed_and_the_interval_is_their_own(sets, scores):
    labels = load_bundle(sets.folder / "candidates" / "label_average.v1").predict(["I want to fly to Toronto."])
    assert {"labels", "none"} <= set(labels.record(0))
    pair = {"text": "What is a virus?", "text_pair": "What are viruses?"}
    record = load_bundle(scores.folder / "candidates" / "score_average.v1").predict([pair]).record(0)
    facts = next(one for one in scores.candidates if one["name"] == "score_average.v1")["facts"]
    assert record["high"] - record["score"] == pytest.approx(facts["half_width"], rel=1e-3)
