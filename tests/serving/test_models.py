"""Several models behind one service: found by name, sharing threads and the room to wait."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from metier.bundles import load_bundle
from metier.cli.served import loads_of
from metier.errors import CallError, WrongTypeError
from metier.serving import ServingSettings, build_app
from metier.serving.answer_threads import AnswerThreads
from metier.serving.engine import Engine
from metier.serving.models import Model, Models
from metier.serving.refusals import RefusalError

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"
SETTINGS = ServingSettings()


@pytest.fixture
def named():
    threads = AnswerThreads(1)
    yield lambda *args, **more: Model(*args[:1], Engine(dict, SETTINGS, threads), *args[1:], **more)
    threads.stop()


def test_a_model_is_found_by_name_alias_and_version(named):
    old, new = named("support", 3, ("champion",)), named("support", 4, ("challenger",))
    other = named("opinion", 1, ("champion",))
    models = Models([old, new, other], AnswerThreads(0))
    asked = {None: old, "support": old, "support@champion": old, "support/3": old, "support/4": new}
    asked |= {"support@challenger": new, "opinion": other}
    assert {name: models.find(name) for name in asked} == asked
    models.replace([new, other])
    assert models.find("support") is new
    with pytest.raises(RefusalError, match="no model called 'support/3'"):
        models.find("support/3")


@pytest.mark.parametrize(
    "asked", ["", "..", "../support", "suport", "support@", "support@chmpion", "support/03", "@"]
)
def test_a_name_that_is_not_served_is_refused_with_the_nearest(named, asked):
    models = Models([named("support", 3, ("champion",))], AnswerThreads(0))
    with pytest.raises(RefusalError) as caught:
        models.find(asked)
    assert (caught.value.status, caught.value.code, caught.value.field) == (404, "unknown_model", "model")
    assert "Served: support, support@champion, support/3." in str(caught.value)
    if asked == "suport":
        assert "Did you mean 'support'?" in str(caught.value)


@pytest.fixture
def client(start):
    paths = {"intents": "linear.v1", "pairs": "pair_linear.v1", "nothing": "constant.v1"}
    return start(build_app(loads_of([f"{name}={SEALED / path}" for name, path in paths.items()])))


def test_each_model_answers_its_own_questions_and_answers_name_it(client):
    first = client.post("/v1/predict", json={"text": "my card never came"}).json()
    assert (first["model"], first["answered_by"]) == ("intents", "tfidf_linear.v1")
    assert "version" not in first
    several = client.post("/v1/predict", json={"texts": ["a", "b"], "model": "nothing"}).json()
    assert several["model"] == "nothing"
    assert len(several["answers"]) == 2
    pair = client.post("/v1/predict", json={"model": "pairs", "text": "a card", "text_pair": "a card"}).json()
    assert pair["model"] == "pairs"
    asked = {"text": "my card never came", "model": "intents"}
    assert client.post("/v1/explain", json=asked).json()["model"] == "intents"
    form = {"text": "a card", "model": "nothing"}
    assert (
        client.post("/v1/predict", files={name: (None, value) for name, value in form.items()}).json()["model"]
        == "nothing"
    )


def test_unknown_models_and_questions_of_another_model_are_refused(client):
    refused = client.post("/v1/predict", json={"text": "a", "model": "intent"})
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "unknown_model"
    assert "Did you mean 'intents'?" in refused.json()["error"]["message"]
    assert client.post("/v1/predict", json={"text": "a", "model": 3}).json()["error"]["field"] == "model"
    asked = {"text": "a", "model": "pairs"}
    assert "text_pair" in client.post("/v1/predict", json=asked).json()["error"]["message"]
    chat = {"messages": [{"role": "user", "content": "hi"}]}
    assert client.post("/v1/chat/completions", json=chat).json()["error"]["code"] == "no_dialogue"
    assert (
        client.post("/v1/chat/completions", json=chat | {"model": "x"}).json()["error"]["code"]
        == "unknown_model"
    )
    assert client.post("/v1/chat/completions", json=chat | {"model": 1}).json()["error"]["field"] == "model"


def test_readiness_says_what_each_model_asks_for(client):
    ready = client.get("/readyz").json()
    assert ready["models"] == [
        {"model": "intents", "asks_for": ["text"]},
        {"model": "pairs", "asks_for": ["text", "text_pair"]},
        {"model": "nothing", "asks_for": ["text"]},
    ]


def test_one_model_without_a_name_answers_as_before(model, start):
    client = start(build_app(lambda: model))
    answer = client.post("/v1/predict", json={"text": "card", "model": "model"}).json()
    assert "model" not in answer
    assert client.post("/v1/predict", json={"text": "card", "model": "gpt-4o"}).status_code == 404
    assert client.get("/readyz").json() == {"status": "ready", "asks_for": ["text"]}


def test_all_models_share_the_threads_and_the_room_to_wait(model, start):
    settings = ServingSettings(threads=1, max_waiting=1)
    client = start(build_app({"a": lambda: model, "b": lambda: model}, settings))
    model.release.clear()
    with ThreadPoolExecutor(4) as callers:
        held = [
            callers.submit(client.post, "/v1/predict", json={"text": "wait", "model": name}) for name in "ab"
        ]
        taken = (
            "metier_threads_busy 1.0",
            "metier_queue_depth 1.0",
        )  # One is answered, the other waits for the thread.
        while not all(one in client.get("/metrics").text for one in taken):
            pass
        refused = client.post("/v1/predict", json={"text": "card", "model": "b"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
        model.release.set()
        assert [one.result().json()["model"] for one in held] == ["a", "b"]


def test_twenty_bundles_are_served(start):
    kinds = ["linear.v1", "constant.v1", "static.v1", "cascade.v1"]
    names = [f"m{number}" for number in range(20)]
    given = [f"{name}={SEALED / kinds[number % 4]}" for number, name in enumerate(names)]
    client = start(build_app(loads_of(given), ServingSettings(threads=2)))
    expected = {kind: load_bundle(SEALED / kind).predict(["my card never came"]).predicted[0] for kind in kinds}
    for number, name in enumerate(names):
        answer = client.post("/v1/predict", json={"model": name, "text": "my card never came"}).json()
        assert (answer["model"], answer["label"]) == (name, expected[kinds[number % 4]])


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (["{0}", "{0}"], CallError, "Give each one: NAME="),
        (["a={0}", "a={0}"], CallError, "Two bundles are called 'a'"),
        (["a={0}", "={0}"], WrongTypeError, "name of a model is ''"),
        (["../a={0}"], WrongTypeError, "name of a model is '../a'"),
        (["a=nowhere", "b={0}"], CallError, "nowhere"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_is_loaded(given, error, says):
    with pytest.raises(error, match=re.escape(says)):
        loads_of([one.format(SEALED / "linear.v1") for one in given])


def test_a_path_with_an_equals_sign_is_a_path(tmp_path):
    folder = tmp_path / "a=b"
    folder.symlink_to(SEALED / "linear.v1")
    load = loads_of([str(folder)])
    assert load().name == "tfidf_linear.v1"


def test_the_schema_of_a_request_has_the_model(client):
    schema = json.dumps(client.get("/openapi.json").json())
    assert "support@champion" in schema
