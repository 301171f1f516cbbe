import json
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from metier.classical.passage_phrase import PassagePhrase
from metier.errors import AnswerPlaceError, BundleError
from metier.evaluation.answer_measures import answer_f1
from metier.predictors.text.passage_phrase import PassagePhrasePredictor
from metier.text.segmentation import sentence_offsets

EXAMPLES = Path(__file__).parents[2] / "examples"


def read(name):
    """Questions and answers of an example in SQuAD's form, the questions of one passage after the other."""
    articles = json.loads((EXAMPLES / name).read_text("utf-8"))["data"]
    asked = [(q, part["context"]) for a in articles for part in a["paragraphs"] for q in part["qas"]]
    items = [{"question": q["question"], "passage": passage} for q, passage in asked]
    return items, [[{"text": x["text"], "start": x["answer_start"]} for x in q["answers"]] for q, _ in asked]


@pytest.fixture(scope="module", params=["xquad/test.en.json", "cmrc2018/train.json"])
def rows(request):
    return read(request.param)


@pytest.fixture(scope="module")
def split(rows):
    items, targets = rows
    half = next(
        at for at in range(len(items) // 2, len(items)) if items[at]["passage"] != items[at - 1]["passage"]
    )
    return (items[:half], targets[:half]), (items[half:], targets[half:])


@pytest.fixture(scope="module")
def fitted(split):
    return PassagePhrase().fit(*split[0])


def mean_f1(predicted, targets):
    return np.mean([answer_f1(true, text) for true, text in zip(targets, predicted, strict=True)])


def test_on_unseen_passages_it_beats_the_first_sentence_and_the_best_one(fitted, split):
    items, targets = split[1]
    sentences = [
        [item["passage"][start:end] for start, end in sentence_offsets(item["passage"])] for item in items
    ]
    found = mean_f1(fitted.predict(items), targets)
    assert found > mean_f1([some[0] for some in sentences], targets) + 0.05
    assert found > 0.2


def test_what_it_learned_is_what_answers(fitted, split, tmp_path):
    items, _ = split[1]
    fitted.export(tmp_path)
    answers = PassagePhrasePredictor.load(tmp_path).predict(items)
    assert list(answers.predicted) == fitted.predict(items)
    for item, record in zip(items, answers.records, strict=True):
        assert item["passage"][record["start"] : record["end"]] == record["answer"] != ""
        assert 0 <= record["probability"] <= 1
    assert answers.answered_by == ("passage_phrase.v1",) * len(items)


def test_the_same_rows_give_the_same_weights_and_need_no_second_choice(fitted, split):
    again = clone(fitted).set_params(**fitted.chosen_params_).fit(*split[0])
    np.testing.assert_array_equal(again.weights_.shared, fitted.weights_.shared)
    assert again.verdict_ == fitted.verdict_


def test_questions_without_answer_teach_when_to_stay_silent():
    items, targets = read("xquad/test.en.json")
    strangers = [{**item, "passage": items[(at + 90) % len(items)]["passage"]} for at, item in enumerate(items)]
    everything = [*items, *strangers], [*targets, *([[]] * len(items))]
    method = PassagePhrase().fit(*everything)
    assert method.verdict_.threshold is not None
    predicted = np.array([text == "" for text in method.predict(everything[0])])
    assert predicted[len(items) :].mean() > predicted[: len(items)].mean() + 0.2
    (record,) = [r for r in method._predictor().predict(strangers).records if r["answer"] == ""][:1]
    assert record["start"] is record["end"] is None


@pytest.mark.serial
def test_a_book_takes_seconds_and_its_answer_is_found(fitted, split):
    items, targets = split[1]
    at = next(at for at, text in enumerate(fitted.predict(items)) if text == targets[at][0]["text"])
    pages = "Nothing of this is said here, nor there 没有. " * 4_000 * 3
    start = time.perf_counter()
    (found,) = fitted.predict([{**items[at], "passage": pages + items[at]["passage"] + " " + pages}])
    assert found == targets[at][0]["text"]
    assert time.perf_counter() - start < 60


@pytest.mark.parametrize("passage", ["!?", "😀", "word", "\ud83d", "字" * 3_000, "a b " * 3_000])
def test_odd_passages_are_answered(fitted, passage):
    (found,) = fitted.predict([{"question": "Who? 谁？", "passage": passage}])
    assert found in passage


def test_the_gradient_is_that_of_the_loss(monkeypatch, split):
    from metier.classical import passage_phrase

    seen = {}
    monkeypatch.setattr(
        passage_phrase,
        "minimize",
        lambda loss, start, **_: seen.update(loss=loss, start=start) or type("R", (), {"x": start}),
    )
    PassagePhrase(verdict={"threshold": None, "of_span": (0, 1, 0), "of_none": (1, 0)}).fit(*split[0])
    point = np.random.default_rng(0).normal(size=len(seen["start"])) * 0.1
    error = check_grad(lambda x: seen["loss"](x)[0], lambda x: seen["loss"](x)[1], point)
    assert error < 1e-3 * np.linalg.norm(seen["loss"](point)[1])


def test_wrong_rows_are_told(split, tmp_path):
    items, _ = split[0]
    with pytest.raises(AnswerPlaceError):
        PassagePhrase().fit(items[:1], [[{"text": "nowhere", "start": 0}]])
    with pytest.raises(NotFittedError):
        PassagePhrase().predict(items)
    with pytest.raises(BundleError):
        PassagePhrasePredictor.load(tmp_path)
