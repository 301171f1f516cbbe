"""A search over real questions: by words, by vectors, read again, written down and loaded without torch."""

import csv
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from metier.errors import BundleError, DataError, EmptyDataError, SettingsError
from metier.fusion.retrieve_rerank import RetrieveRerank
from metier.predictors import load_predictor
from metier.predictors.composite.retrieve_rerank import (
    Finders,
    RetrieveRerankPredictor,
    SearchSettings,
    fuse,
)
from metier.tasks.collection import Collection
from metier.text.bm25 import Bm25

PAIRS = Path(__file__).parents[2] / "examples" / "covid_faq" / "question_pairs.csv"


@pytest.fixture(scope="module")
def rows():
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def questions(rows):
    """The collection, every question once, and how people ask for some of them in other words."""
    collection = list(dict.fromkeys(row["question_1"] for row in rows))
    asked = [
        (row["question_2"], str(collection.index(row["question_1"]))) for row in rows if row["similar"] == "1"
    ]
    return collection, [str(n) for n in range(len(collection))], asked[::12], asked[1::6]


@pytest.fixture(scope="module")
def retriever(rows, small_base, tmp_path_factory):
    from metier.transformer.frozen.frozen_method import FrozenPair

    pairs = [{"text": row["question_1"], "text_pair": row["question_2"]} for row in rows[::4]]
    method = FrozenPair(base=str(small_base), precision="fp32").fit(
        pairs, [row["similar"] for row in rows[::4]]
    )
    folder = tmp_path_factory.mktemp("retriever")
    method.export(folder)
    return folder


@pytest.fixture(scope="module")
def chain(questions, retriever, tmp_path_factory):
    collection, ids, known, _ = questions
    method = RetrieveRerank(retriever=retriever, reranker=retriever, top=3)
    return method.fit(collection, ids, validation=tuple(map(list, zip(*known, strict=True))))


def test_ids_may_be_the_targets_of_the_task():
    texts, ids = ["my card is lost", "what is the rate"], [["card"], ["rate"]]
    method = RetrieveRerank().fit(texts, ids, validation=(["a lost card"], [["card"]]))
    assert method.predict(["rate"])[0][0] == "rate"
    assert [match["id"] for match in method.search(["card"])[0]][:1] == ["card"]


def test_finds_what_is_asked_for(chain, questions):
    asked, wanted = zip(*questions[3], strict=True)
    found = chain.search(asked)
    assert np.mean([matches[0]["id"] == own for matches, own in zip(found, wanted, strict=True)]) > 0.5
    assert (
        np.mean([own in [match["id"] for match in matches] for matches, own in zip(found, wanted, strict=True)])
        > 0.7
    )
    for matches in found:
        assert [match["score"] for match in matches] == sorted(
            (match["score"] for match in matches), reverse=True
        )
        assert len(matches) == 3


def test_chooses_the_way_on_validation(chain):
    trials = chain.facts_["trials"]
    assert len(trials) == 3 + 6  # Two ways and both; each with two sizes to read again, as 92 texts allow.
    chosen = next(
        trial
        for trial in trials
        if tuple(trial["ways"]) == chain.chosen_params_["ways"]
        and trial["reranks"] == chain.chosen_params_["reranks"]
        and trial["candidates"] in (None, chain.chosen_params_["candidates"])
    )
    assert chosen["reciprocal_rank"] > max(trial["reciprocal_rank"] for trial in trials) - 0.05


def test_choices_are_enough_for_a_refit(chain, questions, retriever):
    collection, ids, _, unseen = questions
    again = RetrieveRerank(retriever=retriever, reranker=retriever, top=3, **chain.chosen_params_)
    asked = [text for text, _ in unseen]
    assert again.fit(collection, ids).search(asked) == chain.search(asked)


@pytest.mark.parametrize("ways", [("words",), ("vectors",), ("words", "vectors")])
@pytest.mark.parametrize("reranks", [False, True])
def test_the_predictor_answers_alike(questions, retriever, tmp_path, ways, reranks):
    collection, ids, _, unseen = questions
    method = RetrieveRerank(retriever=retriever, reranker=retriever, ways=ways, reranks=reranks, candidates=10)
    method.fit(collection, ids).export(tmp_path)
    asked = [text for text, _ in unseen[:8]] + ["", "我的卡"]
    answers = load_predictor(tmp_path).predict(asked)
    assert [[match["id"] for match in record["matches"]] for record in answers.records] == answers.predicted
    assert [[match["id"] for match in record["matches"]] for record in answers.records] == [
        [match["id"] for match in matches] for matches in method.search(asked)
    ]
    assert set(answers.record(0)) == {"matches", "answered_by"}
    assert json.loads(json.dumps(answers.record(0)))["answered_by"] == "retrieve_rerank.v1"
    assert (tmp_path / "reranker").is_dir() == reranks
    assert (tmp_path / "words").is_dir() == ("words" in ways)
    assert (tmp_path / "vectors.safetensors").exists() == ("vectors" in ways)


class Axes:
    """Embeds a query as the unit vector along the axis that it names."""

    def vectors(self, texts):
        return np.eye(8, dtype=np.float32)[[int(text) % 8 for text in texts]]


@pytest.mark.parametrize("ways", [("words",), ("vectors",), ("words", "vectors")])
def test_memory_of_a_search_does_not_grow_with_the_queries(ways):
    n_texts = 100_000
    texts = tuple(map(str, range(n_texts)))
    words = Bm25().fit_words([[text, str(int(text) % 97)] for text in texts])
    finders = Finders(words, Axes(), np.eye(8, dtype=np.float32)[np.arange(n_texts) % 8])
    settings = SearchSettings(ways=ways, reranks=False, top=3)
    search = RetrieveRerankPredictor(Collection(texts, texts), finders, settings)
    tracemalloc.start()
    answers = search.predict(texts[1000:1200])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 90_000_000  # All scores of all queries would be 160 MB by words, 80 MB by vectors.
    first = answers.predicted[0][0]
    assert int(first) % 8 == 1000 % 8 if ways == ("vectors",) else first == "1000"


def test_reading_again_orders_by_the_rerankers_probability(questions, retriever):
    collection, ids, _, unseen = questions
    method = RetrieveRerank(retriever=retriever, reranker=retriever, ways=("words",), candidates=8, top=8)
    asked = unseen[0][0]
    (matches,) = method.fit(collection, ids).search([asked])
    expected = (
        load_predictor(retriever).predict([(asked, match["text"]) for match in matches]).probabilities[:, 1]
    )
    np.testing.assert_allclose([match["score"] for match in matches], expected, atol=1e-5)
    best_by_words = Bm25().fit(collection).best(asked, 8)
    assert {match["id"] for match in matches} == {ids[position] for position in best_by_words}


def test_words_alone_need_no_torch(questions, tmp_path):
    collection, ids, _, _ = questions
    RetrieveRerank().fit(collection, ids).export(tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\nfrom metier.predictors import load_predictor\n"
        f"found = load_predictor(Path({str(tmp_path)!r})).predict(['Should children wear masks?'])\n"
        "print(found.records[0]['matches'][0]['text'], 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "Should children wear masks? False"


def test_a_query_of_200_pages_is_answered(questions):
    collection, ids, _, _ = questions
    page = "should children wear masks when they go to school " * 30
    (matches,) = RetrieveRerank().fit(collection, ids).search([page * 200])
    assert "children" in matches[0]["text"].lower()


def test_ranks_are_fused_as_in_the_paper():
    one, other = np.array([3.0, 2.0, 1.0]), np.array([0.1, 0.9, 0.1])
    np.testing.assert_allclose(fuse([one, other]), [1 / 61 + 1 / 62, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62])


def test_what_is_wrong_is_said(questions, retriever, tmp_path):
    collection, ids, _, _ = questions
    with pytest.raises(SettingsError, match="vectors"):
        RetrieveRerank(ways=("vectors",)).fit(collection, ids)
    with pytest.raises(SettingsError, match=r"top is 0(.|\n)*there is no reranker"):
        RetrieveRerank(top=0, reranks=True).fit(collection, ids)
    with pytest.raises(DataError, match="'never'"):
        RetrieveRerank(reranker=retriever, match_label="never").fit(collection, ids)
    with pytest.raises(EmptyDataError, match="query 1"):
        RetrieveRerank().fit(collection, ids, validation=(["q"], ["no such id"]))
    with pytest.raises(EmptyDataError):
        RetrieveRerank().fit([], [])
    RetrieveRerank().fit(collection, ids).export(tmp_path)
    (tmp_path / "collection.json").write_text("{}")
    with pytest.raises(BundleError, match="complete collection"):
        load_predictor(tmp_path)
