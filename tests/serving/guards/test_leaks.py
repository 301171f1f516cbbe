"""Planted identifiers, sent in every way, are nowhere in what a service puts down: logs, metrics, audit, store, files."""

import json
import logging
import random
import re
import time
import uuid
from urllib.parse import quote

import pytest

from metier.serving import ServingSettings, build_app
from metier.serving.guards.logged import is_machine_made
from metier.serving.guards.settings import GuardSettings
from metier.serving.prediction_log.settings import PredictionLogSettings

PLANTED = {
    "mail": "zoe.quill@example.org",
    "card": "4111 1111 1111 1111",
    "plain card": "5500005555555559",
    "chinese id": "11010519491231002X",
    "mobile": "13812345678",
    "phone": "(415) 555-2671",
    "name": "Anna Bell",
    "chinese name": "王小明",
}
TEXTS = {
    "mail": "write to {} please",
    "card": "my card {} never came",
    "plain card": "card {}",
    "chinese id": "身份证号{}",
    "mobile": "我的手机号是{}",
    "phone": "call me at {}",
    "name": "I'm {}, and my card never came",
    "chinese name": "我叫{}，卡丢了",
}


@pytest.fixture
def logged(caplog):
    """Everything that any logger but the client's of this test says, at any level."""
    caplog.set_level(logging.DEBUG)
    for name in ("metier.access", "metier.serving"):
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).propagate = True

    def said():
        records = [one for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
        traces = [str(one.exc_info and one.exc_info[1]) for one in records]
        return "\n".join([*(one.getMessage() for one in records), *traces])

    return said


def requests_with(value, text, key):
    """Requests that hold a value wherever a caller can put one."""
    ours = {"Authorization": f"Bearer {key}"}
    as_header = quote(value, safe="@ -().")
    plain = value.replace(" ", "").strip("()") if value.isascii() else "x"
    yield "POST", "/v1/predict", ours, {"json": {"text": text, "subject": value}}
    yield "POST", "/v1/predict", ours, {"json": {"texts": ["a refund", text], "top": 2}}
    yield "POST", "/v1/predict", ours, {"json": {"text": f"break {text}"}}
    yield "POST", "/v1/predict", ours, {"json": {value: "a refund"}}
    yield "POST", "/v1/predict", ours, {"json": {"text": "a refund", "top": value}}
    yield "POST", "/v1/predict", ours, {"json": {"text": "a refund", "model": value}}
    yield "POST", "/v1/predict", ours, {"content": f'{{"text": "{text}'.encode()}
    yield "POST", "/v1/predict", ours, {"content": text.encode("utf-16")}
    yield "POST", "/v1/predict", ours, {"data": {"text": text}, "files": {value: (value, b"x")}}
    yield "POST", "/v1/explain", ours, {"json": {"text": text}}
    yield "POST", "/v1/feedback", ours, {"json": {"prediction_id": value, "comment": text}}
    yield "GET", f"/v1/{quote(value)}", ours, {}
    yield "GET", f"/v1/models/{quote(value)}?who={quote(value)}", ours, {}
    yield "POST", f"/v2/models/{quote(value)}/infer", ours, {"json": {"inputs": []}}
    yield (
        "POST",
        "/v1/predict",
        {**ours, "X-Request-ID": plain, "X-Subject": as_header},
        {"json": {"text": text}},
    )
    yield (
        "POST",
        "/v1/predict",
        {**ours, "User-Agent": as_header, "Cookie": f"who={as_header}"},
        {"json": {"text": text}},
    )
    yield (
        "POST",
        "/v1/predict",
        {"Authorization": f"Bearer {as_header}", "X-Request-ID": plain},
        {"json": {"text": text}},
    )
    yield (
        "POST",
        "/v1/predict",
        {**ours, "traceparent": as_header, "tracestate": f"a={as_header}"},
        {"json": {"text": text}},
    )


def planted(value):
    """The ways in which a value may stand in what was put down."""
    return {value, value.replace(" ", ""), quote(value), json.dumps(value)[1:-1], value.encode().hex()}


def eventually(holds):
    """Wait for what is done after an answer was sent."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stored(counted):
    """How many predictions are in the store."""
    return sum(
        float(one) for one in re.findall(r'metier_predictions_total\{outcome="written"\} (\S+)', counted)
    )


def written_lately(folder, seconds=0.5):
    """Whether a file was written just now."""
    return any(time.time() - path.stat().st_mtime < seconds for path in folder.rglob("*") if path.is_file())


def test_nothing_planted_is_put_down(start, model, new_key, key_path, tmp_path, monkeypatch, logged):
    monkeypatch.chdir(tmp_path)
    key = new_key()
    settings = ServingSettings(
        access_log="json",
        guards=GuardSettings(keys=key_path, audit=tmp_path / "audit"),
        predictions=PredictionLogSettings(folder=tmp_path / "predictions"),
    )
    client = start(build_app(lambda: model, settings), settings)
    statuses = set()
    for what, value in PLANTED.items():
        for method, path, headers, sent in requests_with(value, TEXTS[what].format(value), key):
            statuses.add(client.request(method, path, headers=headers, **sent).status_code)
    assert statuses >= {200, 400, 401, 404, 422, 500}

    def counts():
        return client.get("/metrics", headers={"Authorization": f"Bearer {key}"}).text

    # Each kind of text was asked in the first two of its requests at least, as three answers.
    eventually(lambda: stored(counts()) >= 3 * len(PLANTED))
    eventually(lambda: not written_lately(tmp_path))
    counted = counts()
    written = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"predictions.sqlite", "audit-000001.jsonl"} <= written.keys()
    places = {"log": logged().encode(), "metrics": counted.encode(), **written}
    assert b"/v1/predict" in places["log"]
    found = {
        (place, what)
        for place, content in places.items()
        for what, value in PLANTED.items()
        for form in planted(value)
        if form.encode() in content
    }
    assert found == set()


@pytest.mark.parametrize(
    "given", ["order-7", "b-2", "0af7651916cd43dd8448eb211c80319c", "01HV8ZK3M5X9Y2Q4R6T8W0ABCD"]
)
def test_ids_of_machines_are_taken(given):
    assert is_machine_made(given)


@pytest.mark.parametrize(
    "given",
    ["AnnaBell", "zoe@example.org", "4111111111111111", "13812345678", "11010519491231002X", "tel:4155552671"],
)
def test_ids_that_may_be_of_a_person_are_not(given):
    assert not is_machine_made(given)


def test_uuids_are_taken():
    drawn = random.Random(1)
    assert all(is_machine_made(str(uuid.UUID(int=drawn.getrandbits(128)))) for _ in range(500))


def test_where_nothing_is_masked_the_log_has_what_was_asked(start, model, logged):
    settings = ServingSettings(access_log="json", guards=GuardSettings(mask="off"))
    client = start(build_app(lambda: model, settings), settings)
    client.get('/a"b%0Ac/换卡', headers={"X-Request-ID": "anna"})
    eventually(lambda: '"request_id": "anna"' in logged())
    assert '"path": "/a%22b%0Ac/%E6%8D%A2%E5%8D%A1"' in logged()
