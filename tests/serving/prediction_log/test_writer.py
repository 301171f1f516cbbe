"""What writes predictions in the background: nothing is lost while a disk refuses, and what is left out is counted."""

import logging
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from metier.errors import PredictionLogError
from metier.serving.prediction_log import PredictionLog, writer
from metier.serving.prediction_log.writer import PredictionWriter
from tests.made_predictions import predictions


class Refusing:
    """Opens a store whose disk refuses until it is told otherwise."""

    def __init__(self, folder):
        self.log = PredictionLog(folder)
        self.is_refusing = threading.Event()
        self.refused = threading.Event()

    def __call__(self):
        return self

    def write(self, rows, **more):
        if self.is_refusing.is_set():
            self.refused.set()
            raise PredictionLogError("The disk is full.")
        return self.log.write(rows, **more)

    def remove_before(self, time):
        return self.log.remove_before(time)

    def close(self):
        self.log.close()


@pytest.fixture
def store(tmp_path):
    return Refusing(tmp_path)


@pytest.fixture
def counted():
    return Counter()


@pytest.fixture
def build(store, counted, monkeypatch):
    monkeypatch.setattr(writer, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.01)
    made = []

    def _build(**settings):
        made.append(PredictionWriter(store, count=lambda outcome, n: counted.update({outcome: n}), **settings))
        made[-1].start()
        return made[-1]

    yield _build
    store.is_refusing.clear()
    for one in made:
        one.stop()


def test_questions_are_masked_before_they_are_stored(build, store, counted):
    writing = build()
    writing.add(predictions(2), ["call 13912345678", {"text": "a", "text_pair": "jane.doe@example.com"}])
    assert writing.flush(20)
    [[first, second]] = store.log.read()
    assert first.question == {"text": "call <PHONE_NUMBER>"}
    assert second.question == {"text": "a", "text_pair": "<EMAIL_ADDRESS>"}
    assert counted == {"written": 2}


def test_a_disk_that_refuses_is_said_once_and_nothing_is_lost(build, store, counted, caplog):
    store.is_refusing.set()
    writing = build()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            writing.add(predictions(4), ["a"] * 4)
            assert store.refused.wait(20)
            store.refused.clear()
        assert not writing.flush(0.05)
        store.is_refusing.clear()
        assert writing.flush(20)
    assert store.log.count() == 12
    assert counted == {"written": 12}
    assert [record.message.partition(";")[0] for record in caplog.records] == [
        "Predictions cannot be stored",
        "Predictions are stored again.",
    ]


def test_too_many_that_wait_are_counted_and_left_out(build, store, counted, monkeypatch):
    monkeypatch.setattr(writer, "MOST_WAITING", 5)
    monkeypatch.setattr(writer, "MOST_CHARACTERS", 1_000)
    store.is_refusing.set()
    writing = build()
    writing.add(predictions(3), ["a"] * 3)
    writing.add(predictions(3), ["a"] * 3)
    writing.add(predictions(1), ["a" * 1_001])
    assert counted == {"dropped": 4}
    store.is_refusing.clear()
    assert writing.flush(20)
    assert store.log.count() == 3
    writing.add(predictions(1), ["a"])
    assert writing.flush(20)
    assert store.log.count() == 4


def test_a_stop_stores_what_waits_and_says_what_it_could_not(build, store, caplog):
    writing = build()
    writing.add(predictions(1_200), ["a"] * 1_200)
    writing.stop()
    assert store.log.count() == 1_200
    refused = build()
    store.is_refusing.set()
    refused.add(predictions(2), ["a"] * 2)
    refused.stop()
    assert "2 predictions were not stored before the service stopped." in caplog.text


def test_old_predictions_are_removed(build, store):
    store.log.write(predictions(3, at=datetime.now(UTC) - timedelta(days=31)))
    writing = build(days=30)
    writing.add(predictions(1, at=datetime.now(UTC)), ["a"])
    assert writing.flush(20)
    writing.stop()
    assert store.log.count() == 1


def test_a_text_that_cannot_be_masked_is_not_kept(build, store, monkeypatch, caplog):
    def broken(item, policy):
        raise ZeroDivisionError(item)

    monkeypatch.setattr(writer, "kept_question", broken)
    writing = build()
    writing.add(predictions(1), ["secret"])
    assert writing.flush(20)
    [[found]] = store.log.read()
    assert (found.question, found.label) == (None, "refund")
    assert "secret" not in caplog.text
