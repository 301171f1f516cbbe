"""Answers that wait for a person go into the queue once, and what is decided on one side holds on the other."""

from datetime import UTC, datetime

import pytest

from metier.continual.queue.reviewed import exchange_reviews
from metier.continual.queue.store import QueueStore
from metier.serving.prediction_log import PredictionLog, new_prediction_ids
from metier.serving.reviews import Review, ReviewStore

TEXTS = ("where is my card", "给我退款", "I will sue you")


@pytest.fixture
def reviews(tmp_path):
    store = ReviewStore(tmp_path / "predictions")
    answers = [
        {"label": "card_arrival", "probability": 0.4},
        {"label": "refund", "probability": 0.5},
        {"labels": {"a": 0.4}},
    ]
    reasons = [("confidence",), ("chance",), ("word", "confidence")]
    store.add(
        [
            Review(id_, datetime.now(UTC), "support", "3", {"text": text}, answer, why, subject="customer-1")
            for id_, text, answer, why in zip(new_prediction_ids(3), TEXTS, answers, reasons, strict=True)
        ]
    )
    return store


@pytest.fixture
def queue(tmp_path):
    return QueueStore(tmp_path / "queue.sqlite")


def test_what_waits_is_asked_first_and_once(reviews, queue):
    found = exchange_reviews(reviews, queue)
    assert (found.added, found.decided_in_service, found.decided_in_queue) == (3, 0, 0)
    assert exchange_reviews(reviews, queue).added == 0
    item = queue.give("anna")
    assert (item.text, item.suggestion, item.urgent) == (
        TEXTS[0],
        {"label": "card_arrival", "probability": 0.4},
        10,
    )
    assert item.reasons == (("confidence", "the model is less sure than the policy asks for"),)
    assert [one.is_audit for one in queue.items()] == [False, True, False]
    assert queue.items()[2].suggestion == {"labels": ["a"]}


def test_a_label_in_the_queue_is_the_answer_of_the_service(reviews, queue, tmp_path):
    exchange_reviews(reviews, queue)
    item = queue.give("anna")
    queue.label(item.number, "anna", {"label": "lost_card"})
    assert exchange_reviews(reviews, queue).decided_in_queue == 1
    stands = reviews.find(item.id)
    assert (stands.state, stands.decision, stands.decided_by) == ("decided", "lost_card", "anna")
    assert exchange_reviews(reviews, queue).decided_in_queue == 0


def test_a_decision_in_the_service_is_a_row_to_learn(reviews, queue):
    exchange_reviews(reviews, queue)
    first, _, third = reviews.list()
    reviews.decide(first.id, "lost_card", by="bob")
    reviews.decide(third.id, ["a", "b"], by="bob")
    assert exchange_reviews(reviews, queue).decided_in_service == 2
    assert [(one.text, one.answer, one.decided_by) for one in queue.decided()] == [
        (TEXTS[0], {"label": "lost_card"}, "bob"),
        (TEXTS[2], {"labels": ["a", "b"]}, "bob"),
    ]


def test_whoever_is_first_decides(reviews, queue):
    exchange_reviews(reviews, queue)
    item = queue.give("anna")
    queue.label(item.number, "anna", {"label": "lost_card"})
    reviews.decide(item.id, "card_arrival", by="bob")
    exchange_reviews(reviews, queue)
    assert reviews.find(item.id).decision == "card_arrival"


def test_who_is_erased_is_gone_on_both_sides(reviews, queue, tmp_path):
    exchange_reviews(reviews, queue)
    log = PredictionLog(tmp_path / "predictions")
    assert queue.erase("customer-1", digests=[log.digest("customer-1")]) == 3
    log.erase("customer-1")
    assert reviews.list() == []
