"""Answers that wait for a person, asked and decided over HTTP; nothing waits where nobody asked for it."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from metier.cli import program
from metier.errors import CallError
from metier.serving import ServingSettings, build_app
from metier.serving.guards.key_file import create_key
from metier.serving.prediction_log import PredictionLog, erase_subject
from metier.serving.reviews import ReviewPolicy, ReviewStore, read_review_policy

POLICY = {"below": 0.5, "labels": ["refund"], "words": ["lawyer", "律师"]}
SURE = "card card card card"
UNSURE = "nothing of all that"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "predictions"


@pytest.fixture
def serve(model, start, folder):
    """Serve with a policy of reviews."""
    model.labels = ("card_arrival", "refund", "换卡")

    def made(policy=POLICY, **more):
        settings = ServingSettings(predictions={"folder": folder}, reviews=policy, **more)
        return start(build_app(lambda: model, settings), settings)

    return made


def ask(client, *texts, **more):
    return client.post("/v1/predict", json={"texts": list(texts), **more}).json()["answers"]


def test_an_answer_waits_for_the_reasons_of_the_policy(serve):
    sure, unsure, refund, word = ask(serve(), SURE, UNSURE, "refund refund refund", f"{SURE}, says my lawyer")
    assert "review" not in sure
    assert unsure["review"] == {"status": "waiting", "id": unsure["prediction_id"], "reasons": ["confidence"]}
    assert refund["review"]["reasons"] == ["label"]
    assert word["review"]["reasons"] == ["word"]
    assert {"label", "probability"} <= set(unsure)


def test_what_a_person_decides_is_the_answer_and_feedback(serve, folder):
    client = serve()
    [answer] = ask(client, f"{UNSURE}, call 13912345678", subject="customer-7")
    listed = client.get("/v1/reviews", params={"state": "waiting"}).json()["reviews"]
    [one] = listed
    assert (one["id"], one["status"]) == (answer["prediction_id"], "waiting")
    assert one["question"] == {"text": f"{UNSURE}, call <PHONE_NUMBER>"}
    place = f"/v1/reviews/{one['id']}"
    assert client.get(place).json() == one
    assert client.get(f"/v1/answers/{one['id']}").json()["review"]["status"] == "waiting"
    decided = client.post(place, json={"decision": "换卡", "comment": "asks for another card"}).json()
    assert (decided["status"], decided["decision"]) == ("decided", "换卡")
    stands = client.get(f"/v1/answers/{one['id']}").json()
    assert (stands["label"], stands["decision"], stands["review"]["status"]) == ("换卡", "换卡", "decided")
    assert client.get("/v1/reviews", params={"state": "waiting"}).json()["reviews"] == []
    shown = client.get("/metrics").text
    assert 'metier_reviews_total{outcome="waiting"} 1.0' in shown
    assert 'metier_reviews_total{outcome="decided"} 1.0' in shown
    found = PredictionLog(folder)
    while (about := found.find(one["id"])) is None:  # Predictions are written a moment later.
        pass
    assert (about.correction, about.feedback[0].comment) == ("换卡", "asks for another card")
    store = ReviewStore(folder)
    assert erase_subject(folder, "customer-7") == 1
    assert store.find(one["id"]) is None


def test_whoever_is_first_decides(serve):
    client = serve()
    place = f"/v1/reviews/{ask(client, UNSURE)[0]['prediction_id']}"
    labels = ["card_arrival", "refund"] * 4
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda label: client.post(place, json={"decision": label}), labels))
    stands = client.get(place).json()["decision"]
    for label, answer in zip(labels, answers, strict=True):
        assert answer.status_code == (200 if label == stands else 409), answer.text
    refused = next(one for one in answers if one.status_code == 409).json()["error"]
    assert refused["code"] == "decided_already"


def test_wrong_decisions_are_said(serve):
    client = serve()
    place = f"/v1/reviews/{ask(client, UNSURE)[0]['prediction_id']}"
    for body, code in (
        ({"decision": "refunds"}, "unknown_label"),
        ({"decide": "refund"}, "unknown_field"),
        ({}, "missing_field"),
    ):
        answer = client.post(place, json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]["code"] in (code, "bad_request")
    assert client.get("/v1/reviews/none").json()["error"]["code"] == "unknown_review"
    assert client.get(place).json()["status"] == "waiting"


@pytest.mark.parametrize("body", [b'{"decision": ["refund"]}', b'{"decision": 1e999}', b'{"decision": -1e999}'])
def test_a_decision_that_could_not_be_given_is_refused(serve, body):
    client = serve()
    place = f"/v1/reviews/{ask(client, UNSURE)[0]['prediction_id']}"
    answer = client.post(place, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert client.get("/v1/reviews").json()["reviews"][0]["status"] == "waiting"


@pytest.mark.parametrize(("after", "n"), [(10**30, 0), (-(10**30), 1)])
def test_a_list_is_asked_from_any_number(serve, after, n):
    client = serve()
    ask(client, UNSURE)
    assert len(client.get("/v1/reviews", params={"after": after}).json()["reviews"]) == n


def test_a_withheld_answer_is_not_shown_before_it_is_decided(serve):
    client = serve({**POLICY, "answer": "withheld"})
    answer = client.post("/v1/predict", json={"text": UNSURE}).json()
    assert not {"label", "probability"} & set(answer)
    assert answer["review"]["status"] == "waiting"
    waiting = client.get(f"/v1/answers/{answer['prediction_id']}").json()
    assert set(waiting) == {"prediction_id", "review"}
    assert client.get(f"/v1/reviews/{answer['prediction_id']}").json()["answer"]["label"] == "card_arrival"


def test_a_share_is_drawn_by_chance(serve):
    client = serve({"share": 0.2})
    answers = [one for _ in range(3) for one in ask(client, *[SURE] * 300)]
    drawn = [one["review"]["reasons"] for one in answers if "review" in one]
    assert 120 < len(drawn) < 240
    assert {tuple(one) for one in drawn} == {("chance",)}
    first = client.get("/v1/reviews", params={"limit": 100}).json()
    rest = client.get("/v1/reviews", params={"limit": 500, "after": first["next"]}).json()
    assert len(first["reviews"]) + len(rest["reviews"]) == len(drawn)


def test_tensors_of_the_other_protocol_wait_too(serve):
    client = serve()
    client.post(
        "/v2/models/model/infer",
        json={"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": [SURE, UNSURE]}]},
    ).raise_for_status()
    assert len(client.get("/v1/reviews").json()["reviews"]) == 1


def test_without_a_policy_nothing_waits(model, start):
    client = start(build_app(lambda: model))
    assert "review" not in client.post("/v1/predict", json={"text": UNSURE}).json()
    refused = client.get("/v1/reviews")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "no_reviews")


def test_an_answer_that_should_wait_is_not_given_where_it_cannot_be_stored(serve, folder):
    client = serve()
    folder.mkdir(exist_ok=True)
    (folder / "predictions.sqlite").write_bytes(b"no database at all" * 100)
    answer = client.post("/v1/predict", json={"text": UNSURE})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_store_now")
    assert client.post("/v1/predict", json={"text": SURE}).status_code == 200


def test_thresholds_of_an_evaluation_are_taken(tmp_path):
    (tmp_path / "t.json").write_text(
        json.dumps({"abstention": {"threshold": 0.7, "labels": {"refund": 0.9, "换卡": None}}})
    )
    (tmp_path / "reviews.yaml").write_text("thresholds: t.json\n")
    policy = read_review_policy(tmp_path / "reviews.yaml")
    asked = [("card_arrival", 0.71), ("card_arrival", 0.69), ("refund", 0.89), ("换卡", 0.99)]
    waits = [bool(policy.reasons("x", {"label": label, "probability": sure}, "id")) for label, sure in asked]
    assert waits == [False, True, True, True]


def test_words_have_edges_where_a_language_has_gaps():
    policy = ReviewPolicy(words=("sue", "律师"), fields={"channel": ("press",)})
    texts = ["I will sue you", "an issue", "我要找律师投诉", "Sue me"]
    assert [bool(policy.reasons(text, {}, "id")) for text in texts] == [True, False, True, True]
    assert policy.reasons({"text": "hello", "channel": "press"}, {}, "id") == ["field"]


@pytest.mark.parametrize("text", ["below: 2", "belwo: 0.5", "[1]", "thresholds: none.json", "a: [", "words: 3"])
def test_a_wrong_policy_is_said_before_anything_is_served(tmp_path, text):
    (tmp_path / "reviews.yaml").write_text(text)
    with pytest.raises(CallError, match=r"reviews\.yaml|none\.json"):
        read_review_policy(tmp_path / "reviews.yaml")


def test_the_command_needs_a_store(small_runs, tmp_path, capsys):
    (tmp_path / "reviews.yaml").write_text("below: 0.5\n")
    command = ["serve", str(small_runs / "runs" / "en"), "--review", str(tmp_path / "reviews.yaml")]
    assert program.run(command) == 2
    assert "--review needs a store" in capsys.readouterr().err


def test_keys_decide_by_scope_and_see_their_own_answers(serve, tmp_path):
    keys = tmp_path / "keys.json"
    asker, other, reviewer = (
        create_key(keys, name, scopes).key
        for name, scopes in (("shop", ["reader"]), ("app", ["operator"]), ("ann", ["reviewer"]))
    )
    client = serve(guards={"keys": keys})

    def call(key, path, method="GET", **more):
        return client.request(method, path, headers={"Authorization": f"Bearer {key}"}, **more)

    answer = call(asker, "/v1/predict", "POST", json={"text": UNSURE}).json()
    place = f"/v1/reviews/{answer['prediction_id']}"
    for key in (asker, other):
        assert call(key, "/v1/reviews").json()["error"]["code"] == "missing_scope"
        assert call(key, place, "POST", json={"decision": "refund"}).status_code == 403
    assert call(reviewer, place, "POST", json={"decision": "refund"}).json()["decided_by"] == "ann"
    own = f"/v1/answers/{answer['prediction_id']}"
    assert call(asker, own).json()["label"] == "refund"
    assert call(other, own).json()["error"]["code"] == "unknown_review"
