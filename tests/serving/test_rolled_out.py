"""A registry that is served while a version is rolled out: decided by the evidence, without anybody's help."""

import functools
import time
from pathlib import Path

import numpy as np
import pytest

from metier.registry.criteria import build_criteria
from metier.registry.registry import Registry
from metier.registry.rolling_out import RollOuts
from metier.registry.running import Status
from metier.serving import ServingSettings, build_app
from metier.serving.prediction_log import PredictionLog, writer
from metier.serving.rolling_out import following
from metier.serving.served_registry import ServedRegistry
from metier.tasks.answer_batches import Answers

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"
LABELS = ("card", "refund")
MOST = 3_000  # Requests until a decision, at most.


class Answering:
    """A version: sure of one label, or failing."""

    labels = LABELS

    def __init__(self, label, *, fails=False):
        self.label, self.fails, self.asked = label, fails, 0

    def predict(self, texts):
        self.asked += len(texts)
        if self.fails and texts != ["a text"]:
            raise ZeroDivisionError
        scores = np.array([[0.9, 0.1] if self.label == "card" else [0.1, 0.9]] * len(texts))
        return Answers(scores, LABELS, (f"{self.label}.v1",) * len(texts))


@pytest.fixture
def registry(tmp_path):
    """Version 1 answers; 2 says something else, 3 the same, and 4 fails."""
    made = Registry(tmp_path / "registry")
    for kind in ("linear.v1", "constant.v1", "static.v1", "cascade.v1"):
        made.add(SEALED / kind, "support")
    made.promote("support", 1, force=True)
    return made


@pytest.fixture
def versions():
    return {
        "1": Answering("card"),
        "2": Answering("refund"),
        "3": Answering("card"),
        "4": Answering("card", fails=True),
    }


@pytest.fixture
def client(registry, versions, start, tmp_path, monkeypatch):
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.01)
    served = ServedRegistry(registry.folder, lambda folder: versions[folder.name])
    settings = ServingSettings(threads=2, predictions={"folder": tmp_path / "predictions"})
    return start(build_app(served, settings))


@pytest.fixture
def begin(registry):
    def _begin(number, bounds, *, share=0.5, is_shadow=False):
        criteria = build_criteria(bounds, share=share, is_shadow=is_shadow)
        return RollOuts(registry).begin(
            "support", number, criteria, share=share, is_shadow=is_shadow, force=True
        )

    return _begin


def ask_until_decided(client, registry, *, then=lambda answer: None):
    """Ask as one caller after the other until the roll-out ends; give its end and the answers by caller."""
    roll_outs, answers = RollOuts(registry), {}
    for i in range(MOST):
        response = client.post("/v1/predict", json={"text": "a question", "subject": f"customer {i}"})
        assert response.status_code == 200, response.text
        answers[f"customer {i}"] = response.json()
        then(response.json())
        if i % 20 == 0 and (found := roll_outs.last("support")).status is not Status.RUNNING:
            return found, answers
    raise AssertionError(f"still not decided after {MOST} requests: {roll_outs.last('support')}")


def test_a_shadow_that_answers_otherwise_is_rolled_back_and_nobody_saw_it(
    client, registry, versions, begin, tmp_path
):
    begin(2, {"errors": 0.2, "disagreement": 0.2}, share=1.0, is_shadow=True)
    found, answers = ask_until_decided(client, registry)
    assert (found.status, found.decision.because) == (Status.ROLLED_BACK, ("disagreement",))
    assert versions["2"].asked > 1
    assert {(one["label"], one["version"]) for one in answers.values()} == {("card", 1)}
    log, shadows, deadline = PredictionLog(tmp_path / "predictions"), [], time.monotonic() + 30
    while not shadows and time.monotonic() < deadline:
        shadows = [one for batch in log.read(with_shadows=True) for one in batch if one.role == "shadow"]
    assert {(one.version, one.label, one.question) for one in shadows} == {("2", "refund", None)}
    assert {one.of for one in shadows} <= {one["prediction_id"] for one in answers.values()}
    assert registry.version("support").number == 1


def test_a_shadow_that_answers_alike_is_promoted_and_answers(client, registry, begin):
    begin(3, {"errors": 0.2, "disagreement": 0.2, "confidence": 0.2}, share=1.0, is_shadow=True)
    found, answers = ask_until_decided(client, registry)
    assert found.status is Status.PROMOTED
    assert registry.version("support").number == 3
    for _ in range(MOST):
        if client.post("/v1/predict", json={"text": "a"}).json()["version"] == 3:
            break
    else:
        raise AssertionError("the promoted version does not answer")
    assert {one["label"] for one in answers.values()} == {"card"}


def test_a_canary_that_fails_is_rolled_back_and_every_caller_got_an_answer(client, registry, begin):
    running = begin(4, {"errors": 0.2})
    assert 450 < sum(running.asks_challenger(f"caller {i}") for i in range(1_000)) < 550
    found, answers = ask_until_decided(client, registry)
    assert found.status is Status.ROLLED_BACK
    assert {one["version"] for one in answers.values()} == {1}
    assert 0.1 < found.n_challenger / found.n_requests < 0.9  # Half of some dozens of callers.


def test_a_canary_that_is_corrected_too_often_is_rolled_back(client, registry, begin):
    running = begin(2, {"corrections": 0.3})

    def correct(answer):
        said = {"prediction_id": answer["prediction_id"], "correction": "card"}
        assert client.post("/v1/feedback", json=said).status_code == 200

    found, answers = ask_until_decided(client, registry, then=correct)
    assert (found.status, found.decision.because) == (Status.ROLLED_BACK, ("corrections",))
    met = {caller: one["version"] for caller, one in answers.items() if one["version"] == 2}
    assert met
    assert all(map(running.asks_challenger, met))


def test_a_canary_that_is_as_good_is_promoted_and_each_caller_keeps_its_version(client, registry, begin):
    running = begin(3, {"errors": 0.2})
    ask = functools.partial(client.post, "/v1/predict")
    first = next(f"ann {i}" for i in range(100) if running.asks_challenger(f"ann {i}"))
    for _ in range(MOST):
        if ask(json={"text": "a", "subject": first}).json()["version"] == 3:
            break
    assert {ask(json={"text": "a"}, headers={"X-Subject": first}).json()["version"] for _ in range(5)} == {3}
    assert ask(json={"text": "a", "subject": first, "model": "support/1"}).json()["version"] == 1
    found, _ = ask_until_decided(client, registry)
    assert found.status is Status.PROMOTED
    assert registry.history("support")[-1].who == "roll-out"
