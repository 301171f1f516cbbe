"""A request whose time is over gets 504, and is not computed where it still waited."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from metier.serving import ServingSettings, build_app
from metier.serving.answer_threads import AnswerThreads

from .conftest import wait_until

HEADER = "X-Request-Timeout-Ms"


def test_who_waited_too_long_is_not_answered_for(model, start):
    client = start(build_app(lambda: model, ServingSettings(threads=1)))
    before = model.asked
    model.release.clear()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.post, "/v1/predict", json={"text": "wait"})
        wait_until(lambda: model.asked == before + 1)
        late = client.post("/v1/predict", json={"text": "card"}, headers={HEADER: "50"})
        model.release.set()
        assert held.result().status_code == 200
    assert late.status_code == 504
    assert late.json()["error"]["code"] == "deadline_passed"
    client.post("/v1/predict", json={"text": "card"})
    assert model.asked == before + 2
    assert 'metier_rejected_total{code="deadline_passed"} 1.0' in client.get("/metrics").text


def test_the_services_own_limit_holds_without_a_header(model, start):
    client = start(build_app(lambda: model, ServingSettings(request_timeout_ms=50)))
    model.release.clear()
    response = client.post("/v1/predict", json={"text": "wait"}, headers={HEADER: "60000"})
    model.release.set()
    assert response.json()["error"]["code"] == "deadline_passed"


@pytest.mark.parametrize("given", ["soon", "0", "-5", "1.5", "9" * 30, "٣"])
def test_a_header_that_is_no_time_is_refused(model, start, given):
    client = start(build_app(lambda: model))
    response = client.post("/v1/predict", json={"text": "a"}, headers={HEADER: given.encode()})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_timeout")
    assert client.post("/v1/predict", json={"text": "a"}, headers={HEADER: "60000"}).status_code == 200


def test_retry_after_is_how_long_those_that_wait_will_take():
    threads = AnswerThreads(2)
    release = threading.Event()
    for _ in range(200):
        threads.submit(lambda: time.sleep(0.001)).result()
    assert threads.retry_after_seconds == 1
    threads._mean_seconds = 0.5
    for _ in range(20):
        threads.submit(release.wait)
    assert threads.retry_after_seconds == 5  # 18 wait, and two threads take half a second for each.
    threads._mean_seconds = 600
    assert threads.retry_after_seconds == 60
    release.set()
    threads.stop()
