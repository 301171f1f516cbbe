"""Answers of a service with ids, a store and feedback, asked over HTTP."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from metier.serving import ServingSettings, build_app
from metier.serving.prediction_log import PredictionLog, erase_subject, is_prediction_id, new_prediction_ids
from metier.serving.prediction_log.prediction_log import DATABASE
from metier.serving.prediction_log.settings import PredictionLogSettings


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "predictions"


@pytest.fixture
def serve(model, start, folder):
    """Serve with a store; settings of it may differ."""
    model.labels = ("card_arrival", "refund", "换卡")

    def _serve(**settings):
        return start(build_app(lambda: model, ServingSettings(predictions={"folder": folder, **settings})))

    return _serve


def stored(folder, n):
    """Wait until so many predictions are stored, and give them."""
    log = PredictionLog(folder)
    done = threading.Event()
    while log.count() < n:
        assert not done.wait(0.02)
    return [one for batch in log.read() for one in batch]


def refused(response, status, code):
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text
    return response.json()["error"]["message"]


def test_every_answer_has_an_id_also_without_a_store(model, start):
    client = start(build_app(lambda: model))
    first = client.post("/v1/predict", json={"text": "card"}).json()["prediction_id"]
    asked = {"texts": ["card"] * 40}
    more = [one["prediction_id"] for one in client.post("/v1/predict", json=asked).json()["answers"]]
    assert len({first, *more}) == 41
    assert all(map(is_prediction_id, more))
    assert [first, *more] == sorted([first, *more])
    said = refused(client.post("/v1/feedback", json={"prediction_id": first, "thumb": "up"}), 422, "no_store")
    assert "Serve with --log-predictions FOLDER" in said


def test_what_was_answered_is_stored_without_personal_data(serve, folder):
    client = serve()
    asked = {"text": "my card, call 13912345678", "subject": "customer-7", "top": 2}
    answer = client.post("/v1/predict", json=asked).json()
    client.post("/v1/predict", json={"texts": ["a refund", "card"]})
    one, *rest = stored(folder, 3)
    assert (one.id, one.label, one.confidence) == (
        answer["prediction_id"],
        answer["label"],
        answer["probability"],
    )
    assert one.text == "my card, call <PHONE_NUMBER>"
    assert (one.model, one.version, one.answered_by, one.caller) == ("model", None, "tfidf_linear.v1", None)
    assert one.latency_ms == answer["latency_ms"]
    assert [two.text for two in rest] == ["a refund", "card"]
    files = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"13912345678" not in files
    assert b"customer-7" not in files
    assert 'metier_predictions_total{outcome="written"} 3.0' in client.get("/metrics").text
    assert erase_subject(folder, "customer-7") == 1


def test_no_texts_are_kept_where_the_policy_says_so(serve, folder):
    client = serve(texts="none")
    answer = client.post("/v1/predict", json={"text": "a planted needle"}).json()
    client.post("/v1/feedback", json={"prediction_id": answer["prediction_id"], "comment": "a planted needle"})
    [one] = stored(folder, 1)
    assert (one.question, one.label) == (None, answer["label"])
    assert b"needle" not in b"".join(path.read_bytes() for path in folder.iterdir())


def test_feedback_is_stored_at_once_and_the_latest_correction_counts(serve, folder):
    client = serve()
    id_ = client.post("/v1/predict", json={"text": "card"}).json()["prediction_id"]
    for said in (
        {"correction": "换卡"},
        {"correction": "refund", "comment": "mail jane.doe@example.com"},
        {"thumb": "down"},
    ):
        response = client.post("/v1/feedback", json={"prediction_id": id_, **said})
        assert (response.status_code, response.json()) == (200, {"prediction_id": id_, "stored": True})
    found = PredictionLog(folder).find(id_)
    assert [one.correction for one in found.feedback] == ["换卡", "refund", None]
    assert (found.correction, found.thumb, found.feedback[1].comment) == (
        "refund",
        "down",
        "mail <EMAIL_ADDRESS>",
    )


@pytest.mark.parametrize(
    ("said", "status", "code", "message"),
    [
        ({"correction": "refnud"}, 422, "unknown_label", "Did you mean 'refund'?"),
        ({"correction": ["refund", "x"]}, 422, "unknown_label", "no label 'x'"),
        ({"correction": 1}, 422, "unknown_label", "Its labels: card_arrival, refund, 换卡."),
        ({}, 422, "bad_request", "at least one of correction, thumb, comment"),
        ({"thumb": "sideways"}, 422, "bad_request", "'up' or 'down'"),
        ({"thum": "up"}, 422, "unknown_field", "Did you mean 'thumb'?"),
        ({"comment": "a" * 4_001}, 422, "bad_request", "at most 4000 characters"),
        ({"prediction_id": "x", "thumb": "up"}, 404, "unknown_prediction", "There is no prediction 'x'."),
        ({"prediction_id": 7, "thumb": "up"}, 422, "bad_request", "valid string"),
    ],
)
def test_feedback_that_cannot_be_meant_is_refused(serve, said, status, code, message):
    client = serve()
    id_ = client.post("/v1/predict", json={"text": "card"}).json()["prediction_id"]
    assert message in refused(client.post("/v1/feedback", json={"prediction_id": id_, **said}), status, code)


def test_an_id_that_nobody_was_given_is_unknown(serve):
    client = serve()
    old = "019a0000-0000-7000-8000-000000000000"
    refused(client.post("/v1/feedback", json={"prediction_id": old, "thumb": "up"}), 404, "unknown_prediction")
    # One that may be on its way from another worker is waited for.
    new = {"prediction_id": new_prediction_ids(1)[0], "thumb": "up"}
    refused(client.post("/v1/feedback", json=new), 404, "unknown_prediction")


def test_a_locked_store_fails_no_answer_and_loses_none(serve, folder):
    client = serve()
    id_ = client.post("/v1/predict", json={"text": "card"}).json()["prediction_id"]
    stored(folder, 1)
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(5):
            assert client.post("/v1/predict", json={"text": "card"}).status_code == 200
        response = client.post("/v1/feedback", json={"prediction_id": id_, "thumb": "up"})
        assert "locked" in refused(response, 503, "no_store_now")
        assert response.headers["retry-after"] == "1"
        other.execute("ROLLBACK")
    assert len(stored(folder, 6)) == 6


def test_what_waits_is_stored_when_the_service_stops(model, folder):
    from fastapi.testclient import TestClient

    app = build_app(lambda: model, ServingSettings(predictions=PredictionLogSettings(folder=folder)))
    with TestClient(app) as client, ThreadPoolExecutor(2) as pool:
        while client.get("/readyz").status_code != 200:
            pass
        list(pool.map(lambda _: client.post("/v1/predict", json={"text": "card"}), range(20)))
    assert PredictionLog(folder).count() == 20
