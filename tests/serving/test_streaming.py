import json
import threading
import time

import pytest

from metier.bundles import load_bundle
from metier.predictors.text.extracted_sentences import written
from metier.serving import ServingSettings, build_app
from metier.serving.prediction_log import is_prediction_id

WORDS = ["The", " card", " 来了", "."]


class Writer:
    """A stand-in at the seam of `Answering`: writes what it was asked, a word at a time, and can be held up."""

    name = "generator.v1"
    can_stream = True

    def __init__(self):
        self.release = threading.Event()
        self.release.set()
        self.was_closed = threading.Event()
        self.n_written = 0

    def predict(self, items):
        return written(["".join(WORDS)] * len(items), self.name)

    def stream(self, item):
        try:
            if item == "for ever":
                while True:
                    time.sleep(0.005)
                    self.n_written += 1
                    yield "word "
            yield WORDS[0]
            assert self.release.wait(30)
            if item.startswith("break"):
                raise ZeroDivisionError(item)
            yield from WORDS[1:]
        finally:
            self.was_closed.set()


@pytest.fixture
def writer():
    return Writer()


@pytest.fixture
def client(writer, start):
    return start(build_app(lambda: writer, ServingSettings(threads=1, max_waiting=0)))


def ask(client, text, **more):
    return client.stream("POST", "/v1/predict", json={"text": text, "stream": True, **more})


def read_events(response):
    """The events of a response as they come, as (kind, facts)."""
    kind = "message"
    for line in response.iter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))
            kind = "message"


def test_pieces_come_before_the_answer_is_whole(client, writer):
    writer.release.clear()
    with ask(client, "where is it?") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = read_events(response)
        assert next(events) == ("message", {"piece": "The"})  # The model is still held up.
        writer.release.set()
        rest = list(events)
    assert [facts["piece"] for _, facts in rest[:-1]] == WORDS[1:]
    kind, whole = rest[-1]
    assert kind == "done"
    assert whole.pop("latency_ms") > 0
    assert is_prediction_id(whole.pop("prediction_id"))
    assert whole == {"text": "The card 来了.", "answered_by": "generator.v1"}
    assert 'metier_answers_total{answered_by="generator.v1"} 1.0' in client.get("/metrics").text


def test_a_disconnect_stops_generation(client, writer):
    with ask(client, "for ever") as response:
        assert next(read_events(response))[1] == {"piece": "word "}
        assert not writer.was_closed.is_set()
    assert writer.was_closed.wait(10)
    written_by_then = writer.n_written
    # The one thread is free again, and nothing is written behind its back.
    deadline = time.monotonic() + 10
    while client.post("/v1/predict", json={"text": "next"}).status_code == 503:
        assert time.monotonic() < deadline
    assert writer.n_written == written_by_then


def test_a_stream_takes_a_thread_like_any_request(client, writer):
    writer.release.clear()
    with ask(client, "one") as response:
        events = read_events(response)
        next(events)
        busy = client.post("/v1/predict", json={"text": "two", "stream": True})
        assert busy.status_code == 503
        assert busy.json()["error"]["code"] == "busy"
        writer.release.set()
        assert list(events)[-1][0] == "done"


def test_a_failure_midway_is_an_event_and_logs_no_text(client, caplog):
    with ask(client, "break on MY-SECRET") as response:
        kind, facts = list(read_events(response))[-1]
    assert kind == "error"
    assert facts["error"]["code"] == "our_fault"
    assert "ZeroDivisionError" in caplog.text
    assert "MY-SECRET" not in caplog.text


def test_a_list_is_not_streamed(client):
    refused = client.post("/v1/predict", json={"texts": ["a", "b"], "stream": True})
    assert refused.status_code == 422
    assert refused.json()["error"]["field"] == "stream"


def test_a_model_that_cannot_stream_is_refused(model, start):
    client = start(build_app(lambda: model))
    refused = client.post("/v1/predict", json={"text": "card", "stream": True})
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "cannot_stream"
    assert client.post("/v1/predict", json={"text": "card", "stream": False}).status_code == 200


def test_a_bundle_streams_what_it_predicts(writing_bundle, start):
    client = start(build_app(lambda: load_bundle(writing_bundle)))
    whole = client.post("/v1/predict", json={"text": "Where is my card?"}).json()
    with ask(client, "Where is my card?") as response:
        events = list(read_events(response))
    assert len(events) > 2
    assert "".join(facts["piece"] for _, facts in events[:-1]) == whole["text"]
    assert events[-1][1]["text"] == whole["text"]
    assert events[-1][1]["answered_by"] == "generator.v1"
