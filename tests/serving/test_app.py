import contextlib
import gzip
import hashlib
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from metier.bundles.manifest import DataFacts
from metier.serving import ServingSettings, app, build_app, engine
from metier.serving.endpoints.docs_page import VENDOR
from metier.serving.guards.masking import MASKED_ITEMS, covered
from metier.serving.prediction_log import is_prediction_id
from metier.tasks.inputs import INPUTS
from metier.text import has_han


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
    assert is_prediction_id(answer.pop("prediction_id"))
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


def test_a_compressed_body_is_refused_by_its_encoding(client):
    body = gzip.compress(b'{"text": "card"}')
    answer = client.post("/v1/predict", content=body, headers={"Content-Encoding": "gzip"})
    assert "Send the body uncompressed" in error_of(answer, 415, "encoded_body")["message"]
    plain = client.post("/v1/predict", json={"text": "card"}, headers={"Content-Encoding": "identity"})
    assert plain.status_code == 200


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
        taken = (
            "metier_threads_busy 1.0",
            "metier_queue_depth 2.0",
        )  # One is answered, two wait for the thread.
        deadline = time.monotonic() + 20
        while not all(one in client.get("/metrics").text for one in taken):
            assert time.monotonic() < deadline
        refused = client.post("/v1/predict", json={"text": "card"})
        error_of(refused, 503, "busy")
        assert refused.headers["retry-after"] == "1"
        assert client.get("/healthz").status_code == 200
        model.release.set()
        assert [future.result().status_code for future in waiting] == [200, 200, 200]
    assert client.post("/v1/predict", json={"text": "card"}).status_code == 200


def test_requests_are_answered_in_parallel(model, start):
    meeting = threading.Barrier(2, timeout=60)
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
    client.request("PROPFIND", "/one")
    text = client.get("/metrics").text
    assert 'metier_http_requests_total{method="POST",path="/v1/predict",status="200"} 1.0' in text
    assert 'metier_http_requests_total{method="POST",path="/v1/predict",status="422"} 1.0' in text
    # Not one series per path or method that a caller invents.
    assert 'metier_http_requests_total{method="GET",path="other",status="404"} 2.0' in text
    assert 'metier_http_requests_total{method="other",path="other",status="404"} 1.0' in text
    assert 'metier_http_request_duration_seconds_count{method="POST",path="/v1/predict"} 2.0' in text
    assert 'metier_answers_total{answered_by="tfidf_linear.v1"} 2.0' in text
    assert 'metier_build_info{python="3.' in text
    assert "metier_bundle_info{" in text
    assert "metier_ready 1.0" in text
    assert "process_resident_memory_bytes" in text


def test_metric_names_follow_the_conventions_of_prometheus(client):
    client.post("/v1/predict", json={"text": "a"})
    families = list(text_string_to_metric_families(client.get("/metrics").text))
    ours = {family.name: family for family in families if family.name.startswith("metier_")}
    assert {name for name, family in ours.items() if family.type == "counter"} == {
        "metier_http_requests",
        "metier_answers",
        "metier_predictions",
        "metier_rejected",
        "metier_cache_requests",
        "metier_masked_items",
        "metier_worker_restarts",
        "metier_reviews",
    }
    assert {name for name, family in ours.items() if family.type == "histogram"} == {
        "metier_http_request_duration_seconds",
        "metier_queue_duration_seconds",
        "metier_tokenise_duration_seconds",
        "metier_inference_duration_seconds",
        "metier_batch_rows",
        "metier_confidence",
    }
    assert "metier_http_requests_in_flight" in ours
    assert all(family.documentation for family in ours.values())
    page = Path(__file__).parents[2] / "docs" / "monitoring.md"
    table = page.read_text("utf-8")
    listed = set(re.findall(r"^\| `(metier_\w+?)(?:_total)?[`{]", table, re.MULTILINE))
    of_registry = {"metier_model_version", "metier_model_swaps", "metier_registry_problems"}
    assert listed - of_registry == {name for name in ours if not name.endswith("_created")}


def test_masked_items_are_counted_with_the_request_that_they_were_in(client):
    before = MASKED_ITEMS.take()
    covered({"text": "write to ann.smith@example.com", "text_pair": "or to bob@example.com"})
    client.get("/healthz")
    assert "metier_masked_items_total 2.0" in client.get("/metrics").text
    assert (before, MASKED_ITEMS.take()) == (before, 0)


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
    assert set(body["schema"]["properties"]) == {"text", "texts", "rows", "model", "top", "subject", "stream"}
    assert set(asked["responses"]) == {"200", "400", "408", "413", "415", "422", "500", "503"}
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert " " in operation["summary"]  # A sentence, not the name of a function.
            assert operation["tags"] != ["default"]
    for example in body["examples"].values():
        assert client.post("/v1/predict", json=example["value"]).status_code == 200


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        ({"language": "en"}, ["a text"]),
        ({"language": None}, ["a text"]),
        ({"language": "zh"}, ["a text", "一段中文文本"]),
        ({"language": "en", "language_shares": {"en": 0.9, "zh": 0.1}}, ["a text", "一段中文文本"]),
    ],
)
def test_a_model_has_answered_warm_up_questions_before_it_is_ready(model, start, monkeypatch, facts, asked):
    heard, answer, warm = [], model.predict, threading.Event()

    def slow(texts):
        heard.extend(texts)
        assert warm.wait(30)
        return answer(texts)

    model.predict = slow
    data = DataFacts(fingerprint="ab" * 32, origin="train.csv", rows={}, **facts)
    model.manifest = SimpleNamespace(data=data)
    monkeypatch.setattr(engine, "Bundle", type(model))
    monkeypatch.setattr(app, "_bundle_facts", lambda model: {})
    client = start(build_app(lambda: model), until=503)
    deadline = time.monotonic() + 20
    while not heard:
        assert time.monotonic() < deadline
    assert client.get("/readyz").status_code == 503
    assert "metier_ready 0.0" in client.get("/metrics").text
    warm.set()
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
    assert heard == asked


@pytest.mark.parametrize("kind", INPUTS.values(), ids=INPUTS)
def test_the_warm_up_questions_of_every_task_can_be_asked(kind):
    for example in (kind.trial, kind.example, kind.chinese_example):
        assert kind.fault(example) is None
        assert len(kind.read([example])) == 1
    assert not kind.has_texts or any(map(has_han, kind.texts(kind.read([kind.chinese_example]))))


def logged(caplog, n):
    """The lines of the access log but those of readiness, once there are n: a line comes after the last byte."""

    def lines():
        records = [record for record in caplog.records if record.name == "metier.access"]
        return [record.message for record in records if "/readyz" not in record.message]

    deadline = time.monotonic() + 20
    while len(lines()) < n:
        assert time.monotonic() < deadline, lines()
        time.sleep(0.01)
    return lines()


def test_a_request_has_an_id_in_its_answer_its_error_and_the_log(model, start, caplog):
    caplog.set_level("INFO", "metier.access")
    client = start(build_app(lambda: model, ServingSettings(access_log="json")))
    own = client.post("/v1/predict", json={"text": "card"}, headers={"X-Request-ID": "order-7:b"})
    assert own.headers["x-request-id"] == "order-7:b"
    failed = client.post("/v1/predict", json={"text": "break"}, headers={"X-Request-ID": "b-2"})
    assert failed.headers["x-request-id"] == failed.json()["error"]["request_id"] == "b-2"
    assert "request b-2 failed with ZeroDivisionError" in caplog.text
    refused = client.get("/nothing")
    made = refused.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert refused.json()["error"]["request_id"] == made
    lines = [json.loads(line) for line in logged(caplog, 3)]
    assert [line["request_id"] for line in lines] == ["order-7:b", "b-2", made]


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'a"b', "a\tb", "<script>", "a{b}"])
def test_an_id_that_would_harm_a_log_is_replaced(client, given):
    found = client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", found)


def test_requests_at_the_same_time_keep_their_own_ids(model, start):
    client = start(build_app(lambda: model, ServingSettings(threads=4)))

    def ask(number):
        refused = client.post("/v1/predict", json={"txt": "a"}, headers={"X-Request-ID": f"id-{number}"})
        return refused.json()["error"]["request_id"]

    with ThreadPoolExecutor(8) as callers:
        assert list(callers.map(ask, range(40))) == [f"id-{number}" for number in range(40)]


def test_the_access_log_has_a_line_for_each_request_and_nothing_of_what_was_asked(model, start, caplog):
    caplog.set_level("INFO", "metier.access")
    client = start(build_app(lambda: model, ServingSettings(access_log="json")))
    headers = {"Authorization": "Bearer sk-very-secret"}
    client.post("/v1/predict?q=QUERY-SECRET", json={"texts": ["MY-SECRET", "b"]}, headers=headers)
    client.post("/v1/predict", content=b"MY-SECRET")
    client.get('/a"b%0Ac/换卡')
    lines = [json.loads(line) for line in logged(caplog, 3)]
    assert [(line["method"], line["path"], line["status"], line.get("rows")) for line in lines] == [
        ("POST", "/v1/predict", 200, 2),
        ("POST", "/v1/predict", 400, None),
        ("GET", "other", 404, None),
    ]
    key = hashlib.sha256(b"sk-very-secret").hexdigest()[:8]
    assert [line.get("key") for line in lines] == [f"sha256:{key}", None, None]
    assert all(line["duration_ms"] > 0 for line in lines)
    assert all(datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0) for line in lines)
    for secret in ("SECRET", "secret", "127.0.0.1"):
        assert secret not in caplog.text


def test_the_access_log_in_the_common_form(model, start, caplog):
    caplog.set_level("INFO", "metier.access")
    client = start(build_app(lambda: model, ServingSettings(access_log="common")))
    client.post("/v1/predict", json={"text": "card"}, headers={"X-Request-ID": "b-2"})
    [line] = logged(caplog, 1)
    common = (
        r'- - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "POST /v1/predict HTTP/1\.1" 200 - b-2 [\d.]+ms 1 -'
    )
    assert re.fullmatch(common, line)


def test_without_an_access_log_nothing_is_logged(client, caplog):
    caplog.set_level("INFO", "metier.access")
    client.post("/v1/predict", json={"text": "card"})
    client.get("/healthz")  # By now the line of the first request would be there.
    assert "metier.access" not in {record.name for record in caplog.records}
