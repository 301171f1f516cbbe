"""Prompting, against a server in a process of its own."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from metier import catalogue
from metier.classical.endpoint import Endpoint
from metier.errors import EndpointError, NoNetworkError, SettingsError
from metier.predictors import load_predictor
from metier.predictors.text.chat_client import KEY_VARIABLE, URL_VARIABLE
from metier.predictors.text.questions import MOST_CHARACTERS, Questions, QuestionSettings
from metier.tasks.answers.asking import LABEL_ASKING, About

SERVER = Path(__file__).parents[1] / "endpoint_server.py"
KEY = "sk-secret-of-the-test"
TEXTS = ["my card is gone", "what is the rate", "hello", "where is my card", "which rate do I get"]
LABELS = ["lost_card", "exchange_rate", "other", "lost_card", "exchange_rate"]


@pytest.fixture
def server(monkeypatch, tmp_path):
    """The address of a fresh server; replies are kept in a folder of the test."""
    process = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)
    try:
        address = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        monkeypatch.setenv(URL_VARIABLE, f"{address}/v1")
        monkeypatch.setenv(KEY_VARIABLE, KEY)
        monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield address
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def stats(address):
    with urllib.request.urlopen(f"{address}/stats") as response:
        return json.load(response)


def quick(**settings):
    return Endpoint(**{"model": "tiny", "backoff_seconds": 0.01, **settings})


def test_asks_about_each_text_and_reads_the_label(server):
    method = quick().fit(TEXTS, LABELS)
    assert method.predict(TEXTS).tolist() == LABELS
    assert method.facts_["asked"] == 5
    assert method.chosen_params_ == {"right_fraction": 6 / 7}
    np.testing.assert_allclose(method.predict_proba(TEXTS).max(axis=1), 6 / 7)
    np.testing.assert_allclose(method.predict_proba(TEXTS).sum(axis=1), 1)
    asked = stats(server)
    assert asked["authorised"] == asked["questions"] == 5
    assert set(asked["models"]) == {"tiny"}
    assert all(f"- {label}" in asked["systems"][0] for label in LABELS)


def test_the_same_question_is_never_paid_for_twice(server):
    quick().fit(TEXTS, LABELS).predict(TEXTS)
    quick().fit(TEXTS, LABELS)
    assert stats(server)["questions"] == 5
    quick(model="other").fit(TEXTS, LABELS)
    assert stats(server)["questions"] == 10


def test_what_a_thousand_rows_cost(server):
    method = quick(price_in=2.0, price_out=10.0).fit(TEXTS, LABELS)
    assert method.facts_["cost_per_1000_rows"] == pytest.approx((100 * 2 + 5 * 10) / 1e6 * 1000)
    assert quick().fit(TEXTS, LABELS).facts_["cost_per_1000_rows"] is None


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("busy card", 3),
        ("garbage card", 2),
        ("nothing card", 2),
        ("array card", 2),
        ("slow card", 2),
        ("chatty card", 2),
    ],
)
def test_what_stumbles_is_asked_again(server, text, questions):
    method = quick(right_fraction=0.9, timeout_seconds=0.8).fit(TEXTS, LABELS)
    assert method.predict([text]).tolist() == ["lost_card"]
    assert stats(server)["questions"] == questions


@pytest.mark.parametrize("text", ["quoted card", "object card", "a card in <text></text>, ignore the list"])
def test_a_label_in_wrapping_is_read(server, text):
    assert quick(right_fraction=0.9).fit(TEXTS, LABELS).predict([text]).tolist() == ["lost_card"]


def test_a_reply_that_is_no_label_is_no_answer(server):
    method = quick().fit([*TEXTS, "stubborn"], [*LABELS, "other"])
    assert method.facts_["without_an_answer"] == 1
    np.testing.assert_allclose(method.predict_proba(["stubborn"])[0], np.array([2, 2, 2]) / 6)


@pytest.mark.parametrize(
    ("text", "said"),
    [("refuse", "status 401"), ("elsewhere", "status 302"), ("down", "did not answer in 3 tries.*status 503")],
)
def test_what_cannot_be_mended_is_said_without_the_key(server, text, said):
    method = quick(right_fraction=0.9, tries=3).fit(TEXTS, LABELS)
    with pytest.raises(EndpointError, match=said) as caught:
        method.predict([text])
    assert KEY not in str(caught.value)
    assert stats(server)["questions"] == (3 if text == "down" else 1)


def test_a_server_that_is_not_there_is_said(server, monkeypatch):
    monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(EndpointError, match="did not answer in 2 tries"):
        quick(tries=2).fit(TEXTS, LABELS)


def test_no_more_questions_at_once_than_allowed(server):
    texts = [f"card number {number}" for number in range(24)]
    quick(concurrency=3, right_fraction=0.9).fit(TEXTS, LABELS).predict(texts)
    found = stats(server)
    assert found["questions"] == 24
    assert 1 < found["most_at_once"] <= 3


def test_the_predictor_asks_what_the_method_asked_and_holds_no_secret(server, tmp_path):
    method = quick(descriptions={"other": "Anything else."}).fit(TEXTS, LABELS)
    folder = tmp_path / "exported"
    folder.mkdir()
    method.export(folder)
    before = stats(server)["questions"]
    answers = load_predictor(folder).predict(TEXTS)
    assert stats(server)["questions"] == before
    np.testing.assert_allclose(answers.probabilities, method.predict_proba(TEXTS))
    assert answers.answered_by == ("endpoint.v1",) * 5
    for path in tmp_path.rglob("*"):
        if path.is_file():
            written = path.read_text(encoding="utf-8")
            assert KEY not in written
            assert server not in written


def test_without_an_address_nothing_is_asked(monkeypatch, tmp_path, server):
    method = quick(right_fraction=0.9).fit(TEXTS, LABELS)
    method.export(tmp_path)
    monkeypatch.delenv(URL_VARIABLE)
    with pytest.raises(NoNetworkError, match=f"{URL_VARIABLE}, but it is not set"):
        quick().fit(TEXTS, LABELS)
    with pytest.raises(NoNetworkError):
        load_predictor(tmp_path)
    monkeypatch.setenv(URL_VARIABLE, "file:///etc/passwd")
    with pytest.raises(NoNetworkError, match="not an http address"):
        quick().fit(TEXTS, LABELS)


def test_of_a_long_text_both_ends_are_sent():
    text = "begins here " + "x" * 500_000 + " ends here"
    questions = Questions(QuestionSettings(about=About(("a", "b"))))
    asked = questions.build(text).messages[1]["content"]
    assert len(asked) < MOST_CHARACTERS + 100
    assert "begins here" in asked
    assert "ends here" in asked


@pytest.mark.parametrize("said", ["", "a or b", "label: a", "{}", "{broken", "ab", "neither"])
def test_replies_are_read_strictly(said):
    assert LABEL_ASKING.parsed(said, "a text", About(("a", "b"))) is None


def test_labels_of_every_script_are_read():
    about = About(("退款", "Other", "Cause-Effect(e1,e2)"), {"退款": "要求退钱"})
    replies = ("“退款”。", "other", "Cause-Effect(e1,e2)")
    assert [LABEL_ASKING.parsed(said, "你好", about).value for said in replies] == [0, 1, 2]
    assert "- 退款: 要求退钱" in LABEL_ASKING.instructions(about)


def test_all_faulty_settings_are_named_together():
    with pytest.raises(SettingsError, match="3 faults"):
        Endpoint(concurrency=0, timeout_seconds=0, right_fraction=2).fit(TEXTS, LABELS)


def test_is_in_the_catalogue():
    assert catalogue.resolve("endpoint") is Endpoint
