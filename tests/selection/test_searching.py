"""`metier train` on queries and their answers: the comparison, the ensemble, and what is searched."""

from pathlib import Path

import pytest

import metier
from metier.bundles import load_bundle
from metier.errors import CallError

FAQ = Path(__file__).parents[2] / "examples" / "covid_faq" / "faq.jsonl"
ROLES = {"text": "question", "text_pair": "answer", "label": "none"}


@pytest.fixture(scope="module")
def run(small_base, tmp_path_factory):
    further = tmp_path_factory.mktemp("further") / "more.csv"
    further.write_text("text\nParrots need no masks.\nParrots fly and sing.\n", encoding="utf-8")
    return metier.train(
        FAQ,
        task="retrieval",
        candidates=["bm25", "frozen_search", "retrieve_rerank"],
        budget="5m",
        run=tmp_path_factory.mktemp("search") / "run",
        settings={"base": str(small_base), "data": {"collection": str(further)}, "refit": False},
        **ROLES,
    )


def test_every_candidate_is_measured_with_an_interval_and_compared(run):
    assert {one["name"]: one["status"] for one in run.candidates} == dict.fromkeys(
        ("bm25.v1", "frozen_search.v1", "retrieve_rerank.v1"), "trained"
    )
    for one in run.candidates:
        figure = one["test"]["mean_reciprocal_rank"]
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
        assert figure["value"] > 0
        assert one["test"]["recall_at_1"]["value"] <= one["test"]["recall_at_10"]["value"]
    words = next(one for one in run.candidates if one["name"] == "bm25.v1")
    assert words["test"]["mean_reciprocal_rank"]["value"] > 0.3
    assert len(run.report["comparisons"]) >= 2


def test_the_chain_stands_on_both_searches(run):
    chain = next(one for one in run.candidates if one["name"] == "retrieve_rerank.v1")
    assert set(chain["members"]) == {"bm25.v1", "frozen_search.v1"}
    (trial,) = chain["facts"]["trials"]
    assert trial["ways"] == ["words", "vectors"]
    bundle = load_bundle(run.folder / "candidates" / "retrieve_rerank.v1")
    (match, *_) = bundle.predict(["What is a novel coronavirus?"]).record(0)["matches"]
    assert match["text"].startswith("A novel coronavirus is")


def test_answers_of_test_rows_and_further_texts_are_searched(run):
    found = load_bundle(run.folder / "candidates" / "bm25.v1").predict(["parrots fly"]).record(0)["matches"]
    assert found[0]["text"] == "Parrots fly and sing."
    assert len(found) == 10


def test_the_report_says_passages_and_no_ids(run):
    worst = run.report["detail"]["worst"]
    assert worst
    assert all(row["figure"] < 1 and row["target_text"] != row["target"][0] for row in worst)
    assert "Finds the texts or images of a collection" in (run.folder / "best" / "README.md").read_text("utf-8")


def test_a_collection_is_for_a_search(tmp_path):
    settings = {"data": {"collection": str(FAQ)}}
    with pytest.raises(CallError, match=r"data\.collection"):
        metier.train(FAQ.parents[1] / "banking77" / "test.csv", run=tmp_path / "run", settings=settings)
