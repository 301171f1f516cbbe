"""`POST /v1/explain`: the same question as /v1/predict, within limits on work."""

import pytest

import metier
from metier.bundles import load_bundle
from metier.report.words import Words
from metier.serving import ServingSettings, build_app

TEXTS = [
    "my card is lost",
    "the card never came",
    "where is my card",
    "app is slow",
    "the app crashed",
    "slow app",
]
CHINESE = ["我的卡丢了", "卡还没有寄到", "卡在哪里", "应用很慢", "应用崩溃了", "很慢的应用"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    rows = [
        {"text": text, "label": "card" if place % 6 < 3 else "app"}
        for place, text in enumerate((TEXTS + CHINESE) * 4)
    ]
    run = tmp_path_factory.mktemp("runs") / "small"
    metier.train(rows, budget="60s", candidates=["tfidf_linear"], run=str(run))
    return load_bundle(run)


@pytest.fixture
def client(bundle, start):
    return start(build_app(lambda: bundle))


def refusal(response, status, code):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    return error


@pytest.mark.parametrize(("text", "strongest"), [("where is my card", "card"), ("我的卡丢了", "卡")])
def test_the_words_of_an_answer_are_those_that_the_command_gives(client, bundle, text, strongest):
    found = client.post("/v1/explain", json={"text": text}).json()
    assert (found["method"], found["label"], found["unit"]) == ("linear", "card", "log-odds")
    assert max(found["words"], key=lambda word: word["contribution"])["text"] == strongest
    assert all(text[word["start"] : word["end"]] == word["text"] for word in found["words"])
    asked = client.post("/v1/predict", json={"text": text}).json()
    assert found["answer"]["probability"] == asked["probability"]
    assert found["latency_ms"] > 0


def test_methods_labels_and_counterfactuals_can_be_asked_for(client):
    asked = {"text": "my card is slow", "label": "app", "method": "shapley"}
    found = client.post("/v1/explain", json=asked).json()
    words = {word["text"]: word for word in found["words"]}
    assert words["card"]["contribution"] < 0 < words["slow"]["contribution"]
    assert words["slow"]["error"] is not None
    other = client.post("/v1/explain", json={"text": "卡很慢", "counterfactual": True}).json()
    assert {other["label"], other["counterfactual"]["answer"]} == {"card", "app"}
    assert set(other["counterfactual"]["removed"]) < {"卡", "很", "慢", "很慢"}


def test_methods_that_a_model_cannot_give_are_refused_with_those_it_can(client, model, start):
    error = refusal(client.post("/v1/explain", json={"text": "a", "method": "shaply"}), 422, "unknown_method")
    assert error["field"] == "method"
    assert error["message"].endswith(
        "Did you mean 'shapley'? This model gives: linear, leave_one_out, shapley."
    )
    asked = {"text": "a card", "method": "integrated_gradients"}
    error = refusal(client.post("/v1/explain", json=asked), 422, "unknown_method")
    assert "needs torch" in error["message"]
    said = Words("zh").translated(error["message"])
    assert said.startswith("方法 integrated_gradients 需要 torch")
    assert said.endswith("该模型可用：linear、leave_one_out、shapley。")
    # A model of which only answers are known has no weights to add up.
    other = start(build_app(lambda: model))
    error = refusal(
        other.post("/v1/explain", json={"text": "a card", "method": "linear"}), 422, "unknown_method"
    )
    assert error["message"].endswith("This model gives: leave_one_out, shapley.")
    assert other.post("/v1/explain", json={"text": "a card"}).json()["method"] == "leave_one_out"


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"texts": ["card"]}, "bad_request", "texts"),
        ({"text": "card", "stream": True}, "bad_request", "stream"),
        ({"text": "card", "top": 2}, "bad_request", "top"),
        ({"text": "card", "counterfactual": "yes"}, "bad_request", "counterfactual"),
        ({"text": "card", "label": "crad"}, "unknown_name", None),
        ({"text": "card", "methods": "linear"}, "unknown_field", "methods"),
    ],
)
def test_what_is_no_one_question_is_refused(client, asked, code, field):
    assert refusal(client.post("/v1/explain", json=asked), 422, code).get("field") == field


def test_work_is_bounded_before_it_is_done(model, start):
    settings = ServingSettings(max_explanation_answers=20, max_explanation_characters=200)
    client = start(build_app(lambda: model, settings))
    asked = {"text": "one card of many words that stand here", "method": "shapley"}
    before = model.asked
    error = refusal(client.post("/v1/explain", json=asked), 413, "explanation_too_large")
    assert "20 are allowed" in error["message"]
    assert model.asked <= before + 1  # The question itself.
    assert client.post("/v1/explain", json=asked | {"method": "leave_one_out"}).status_code == 200
    refusal(client.post("/v1/explain", json={"text": "card " * 50}), 413, "text_too_long")


def test_an_explanation_that_takes_too_long_is_ended(model, start, monkeypatch):
    client = start(build_app(lambda: model, ServingSettings(explanation_timeout_seconds=5)))
    # The clock of the explanation runs ahead: six seconds pass with each look at it.
    seconds = iter(range(0, 10_000, 6))
    monkeypatch.setattr("metier.serving.explaining.monotonic", lambda: next(seconds))
    error = refusal(client.post("/v1/explain", json={"text": "a card and more"}), 413, "explanation_too_slow")
    assert "within 5 s" in error["message"]
