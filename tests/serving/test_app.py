import contextlib
import hashlib
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from metier.serving import ServingSettings, build_app, engine
from metier.serving.endpoints.docs_page import VENDOR


@pytest.fixture
def client(model, start):
    return start(build_app(lambda: model))


def error_of(response, status, code):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    assert error["message"].endswith((".", '"]}.'))
    return error


def test_answers_one_text(client):
    answer = client.post("/v1/predict", json={"text": "my card never came"}).json()
    latency_ms = answer.pop("latency_ms")
    assert answer == {"label": "card_arrival", "probability": 0.571429, "answered_by": "tfidf_linear.v1"}
    assert 0 < latency_ms < 1000


def test_answers_several_texts_in_their_order(client):
    asked = {"texts": ["a refund, my refund", "card"], "top": 2}
    answers = client.post("/v1/predict", json=asked).json()["answers"]
    assert [answer["label"] for answer in answers] == ["refund", "card_arrival"]
    assert [list(answer["probabilities"]) for answer in answers] == [
        ["refund", "card_arrival"],
        ["card_arrival", "refund"],
    ]
    assert answers[0]["probabilities"]["refund"] == answers[0]["probability"]


def test_gives_every_label_when_more_are_asked_for(client):
    response = client.post("/v1/predict", json={"text": "", "top": 99})
    assert sum(response.json()["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert "换卡" in response.text


def test_json_with_the_content_type_of_a_form_is_answered(client):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert (
        client.post("/v1/predict", content=b'{"text": "card"}', headers=headers).json()["label"]
        == "card_arrival"
    )


@pytest.mark.parametrize(
    ("body", "status", "code", "field", "says"),
    [
        (b"{", 400, "bad_json", None, "not JSON"),
        (b"", 400, "bad_json", None, "not JSON"),
        (b'{"text": "\\ud800"}', 400, "bad_json", None, "hex escape"),
        (b'{"text": "\xff"}', 400, "bad_json", None, "not JSON"),
        (b"[]", 422, "bad_request", None, "found list"),
        (b"{}", 422, "bad_request", "text", "found neither"),
        (b'{"text": "a", "texts": ["b"]}', 422, "bad_request", "text", "found both"),
        (b'{"txt": "a"}', 422, "unknown_field", "txt", "Did you mean 'text'?"),
        (b'{"text": 1}', 422, "bad_request", "text", "found int"),
        (b'{"texts": ["a", null]}', 422, "bad_request", "texts.1", "found NoneType"),
        (b'{"texts": []}', 422, "bad_request", "texts", "found none"),
        (b'{"text": "a", "top": 0}', 422, "bad_request", "top", "greater than or equal to 1"),
    ],
)
def test_a_wrong_request_gets_an_error_with_what_was_found(client, body, status, code, field, says):
    error = error_of(client.post("/v1/predict", content=body), status, code)
    assert says in error["message"]
    assert error.get("field") == field


def test_unknown_paths_and_methods(client):
    assert "/v1/predict" in error_of(client.get("/nothing"), 404, "not_found")["message"]
    error_of(client.get("/docs/vendor/nothing.js"), 404, "not_found")
    refused = client.get("/v1/predict")
    assert "it takes POST" in error_of(refused, 405, "method_not_allowed")["message"]
    assert refused.headers["allow"] == "POST"


def test_errors_of_limits_have_what_was_found_and_allowed(model, start):
    settings = ServingSettings(max_rows=2, max_characters=10, max_body_bytes=1_000)
    client = start(build_app(lambda: model, settings))
    asked = model.asked
    rows = error_of(client.post("/v1/predict", json={"texts": ["a", "b", "c"]}), 413, "too_many_rows")
    assert "3 texts" in rows["message"]
    assert "2 are allowed" in rows["message"]
    long = error_of(client.post("/v1/predict", json={"texts": ["a", "b" * 11]}), 413, "text_too_long")
    assert long["field"] == "texts.1"
    assert "11 characters" in long["message"]
    body = error_of(client.post("/v1/predict", json={"text": "b" * 2_000}), 413, "body_too_large")
    assert "1,000 are allowed" in body["message"]
    assert model.asked == asked


def test_a_body_without_end_is_cut_off(model, start):
    client = start(build_app(lambda: model, ServingSettings(max_body_bytes=1_000)))
    sent = 0

    def endless():
        nonlocal sent
        while sent < 50_000_000:
            sent += 10_000
            yield b" " * 10_000

    # Either the refusal or the closed connection is seen first.
    with contextlib.suppress(httpx.TransportError):
        error_of(client.post("/v1/predict", content=endless()), 413, "body_too_large")
    assert sent < 50_000_000
    assert client.post("/v1/predict", json={"text": "card"}).status_code == 200


def test_an_internal_error_is_typed_and_logs_no_text(client, caplog):
    error_of(client.post("/v1/predict", json={"text": "break on MY-SECRET"}), 500, "our_fault")
    assert "ZeroDivisionError" in caplog.text
    assert "MY-SECRET" not in caplog.text
    assert client.post("/v1/predict", json={"text": "card"}).status_code == 200


def test_readiness_waits_for_the_model_and_liveness_does_not(model, start):
    loading = threading.Event()

    def load():
        assert loading.wait(30)
        return model

    client = start(build_app(load), until=503)
    assert client.get("/healthz").json() == {"status": "alive"}
    early = client.post("/v1/predict", json={"text": "card"})
    error_of(early, 503, "not_ready")
    assert early.headers["retry-after"] == "1"
    loading.set()
    deadline = time.monotonic() + 20
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
    assert client.post("/v1/predict", json={"text": "card"}).status_code == 200


def test_a_model_that_cannot_be_loaded_is_reported_to_owner_and_callers(start):
    told = []

    def load():
        raise OSError("the disk is gone")

    client = start(build_app(load, when_failed=told.append), until=503)
    deadline = time.monotonic() + 20
    while not told:
        assert time.monotonic() < deadline
    assert "the disk is gone" in error_of(client.get("/readyz"), 503, "load_failed")["message"]
    error_of(client.post("/v1/predict", json={"text": "card"}), 503, "load_failed")


def test_a_full_queue_refuses_at_once_and_loses_nothing(model, start):
    client = start(build_app(lambda: model, ServingSettings(threads=1, max_waiting=2)))
    model.release.clear()
    with ThreadPoolExecutor(8) as callers:
        waiting = [callers.submit(client.post, "/v1/predict", json={"text": "wait"}) for _ in range(3)]
        in_progress = re.compile(
            r"metier_request_in_progress 4\.0"
        )  # These three, and the one that asks for it.
        deadline = time.monotonic() + 20
        while not in_progress.search(client.get("/metrics").text):
            assert time.monotonic() < deadline
        refused = client.post("/v1/predict", json={"text": "card"})
        error_of(refused, 503, "busy")
        assert refused.headers["retry-after"] == "1"
        assert client.get("/healthz").status_code == 200
        model.release.set()
        assert [future.result().status_code for future in waiting] == [200, 200, 200]
    assert client.post("/v1/predict", json={"text": "card"}).status_code == 200


def test_requests_are_answered_in_parallel(model, start):
    meeting = threading.Barrier(2, timeout=20)
    answer = model.predict

    def meet(texts):
        if "meet" in texts:
            meeting.wait()  # Breaks unless two threads are here at the same time.
        return answer(texts)

    model.predict = meet
    client = start(build_app(lambda: model, ServingSettings(threads=2)))
    with ThreadPoolExecutor(2) as callers:
        both = [callers.submit(client.post, "/v1/predict", json={"text": "meet"}) for _ in range(2)]
        assert [future.result().status_code for future in both] == [200, 200]


def test_metrics_count_requests_and_answers(client):
    client.post("/v1/predict", json={"texts": ["a", "b"]})
    client.post("/v1/predict", json={})
    for path in ("/one", "/two"):
        client.get(path)
    text = client.get("/metrics").text
    assert 'metier_request_total{endpoint="/v1/predict",http_response_code="200"} 1.0' in text
    assert 'metier_request_total{endpoint="/v1/predict",http_response_code="422"} 1.0' in text
    assert (
        'metier_request_total{endpoint="other",http_response_code="404"} 2.0' in text
    )  # Not one series per path.
    assert 'metier_request_duration_seconds_count{endpoint="/v1/predict"} 2.0' in text
    assert 'metier_answers_total{answered_by="tfidf_linear.v1"} 2.0' in text
    assert "metier_bundle_info{" in text
    assert "process_resident_memory_bytes" in text


def test_two_services_in_one_process_have_separate_metrics(model, start):
    first, second = start(build_app(lambda: model)), start(build_app(lambda: model))
    first.post("/v1/predict", json={"text": "card"})
    assert 'metier_answers_total{answered_by="tfidf_linear.v1"} 1.0' in first.get("/metrics").text
    assert "metier_answers_total{" not in second.get("/metrics").text


def test_the_docs_need_no_network(client):
    page = client.get("/docs")
    assert client.get("/", follow_redirects=True).text == page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    fetched = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(fetched) == 3
    for path in fetched:
        assert client.get(path).status_code == 200
    assert not re.search(r"https?://|//[a-z]", page.text + client.get("/docs/start.js").text)
    for address in re.findall(r"url\(([^)]+)\)", (VENDOR / "swagger-ui.css").read_text(encoding="utf-8")):
        assert address.strip("\"'").startswith("data:")


def test_the_vendored_files_are_the_published_ones():
    listed = dict(
        re.findall(r"\| (\S+) \| ([0-9a-f]{64}) \|", Path(VENDOR / "README.md").read_text(encoding="utf-8"))
    )
    assert set(listed) == {"swagger-ui-bundle.js", "swagger-ui.css"}
    for name, expected in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == expected


def test_openapi_documents_the_body_and_every_refusal(client):
    schema = client.get("/openapi.json").json()
    asked = schema["paths"]["/v1/predict"]["post"]
    body = asked["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]) == {"text", "texts", "rows", "top", "stream"}
    assert set(asked["responses"]) == {"200", "400", "413", "422", "500", "503"}
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert " " in operation["summary"]  # A sentence, not the name of a function.
            assert operation["tags"] != ["default"]
    for example in body["examples"].values():
        assert client.post("/v1/predict", json=example["value"]).status_code == 200


def test_a_model_of_chinese_has_its_dictionary_before_it_is_ready(model, start, monkeypatch):
    segmented = []
    monkeypatch.setattr(engine, "Bundle", type(model))
    monkeypatch.setattr(engine, "segment", segmented.append)
    for language in ("en", "zh"):
        model.manifest = SimpleNamespace(data=SimpleNamespace(language=language))
        start(build_app(lambda: model))
        assert len(segmented) == (language == "zh")
