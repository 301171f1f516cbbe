"""Corrections of a service reach the queue once: decided where they agree with trusted rows, else waiting with a reason."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from metier.continual.poisoning import Trusted
from metier.continual.poisoning.feedback_queue import held_back, let_through, take_feedback
from metier.continual.queue.store import QueueStore
from metier.errors import CallError
from metier.serving.prediction_log import Feedback, Prediction, PredictionLog, new_prediction_ids

N_ASKED = 300


@pytest.fixture(scope="module")
def learned(banking77):
    """Vectors of questions of twelve labels, what a model of few rows answers them, and trusted rows."""
    texts, labels = map(np.asarray, banking77("train"))
    some = np.flatnonzero(np.isin(labels, sorted(set(labels))[:12]))
    some = np.random.default_rng(1).permutation(some)
    texts, labels = texts[some].tolist(), labels[some]
    pipeline = make_pipeline(TfidfVectorizer(sublinear_tf=True), TruncatedSVD(64, random_state=0)).fit(texts)
    vectors = pipeline.transform(texts)
    answered = LogisticRegression(C=5).fit(vectors[:240], labels[:240]).predict(vectors)
    trusted = Trusted(
        vectors[:240],
        labels[:240].tolist(),
        vectors[240:640],
        labels[240:640].tolist(),
        answered[240:640].tolist(),
    )
    return texts[640:], labels[640:].tolist(), answered[640:].tolist(), trusted, pipeline.transform


@pytest.fixture
def log(learned, tmp_path):
    """A log in which `mallory` says of every tenth question the first label, and others say what is right."""
    texts, labels, answered, trusted, _ = learned
    log, begun = PredictionLog(tmp_path / "predictions"), datetime(2026, 5, 1, tzinfo=UTC)
    ids = new_prediction_ids(N_ASKED)
    at = [begun + timedelta(minutes=row) for row in range(N_ASKED)]
    log.write(
        [
            Prediction(ids[row], at[row], "support", "1", "m.v1", {"label": answered[row], "probability": 0.5},
                       {"text": texts[row]}, subject="customer-1" if row == 1 else None)
            for row in range(N_ASKED)
        ]
    )  # fmt: skip
    first = trusted.known[0]
    for row in range(N_ASKED):
        wrong = row % 10 == 0 and labels[row] != first
        said, key = (first, "mallory") if wrong else (labels[row], f"key-{row % 50}")
        log.add_feedback(Feedback(ids[row], at[row], said, caller=key))
    return log


@pytest.fixture
def queue(tmp_path):
    return QueueStore(tmp_path / "queue.sqlite")


def test_poison_waits_for_a_person_and_the_rest_is_learned(learned, log, queue):
    trusted, vectors = learned[3:]
    found = take_feedback(log, queue, trusted, vectors)
    by_mallory = [one for one in queue.items() if one.facts["key"] == "mallory"]
    assert len(by_mallory) > 20
    assert all(one.state == "waiting" for one in by_mallory if one.facts["said"] != one.facts["answered"])
    learned_rows = queue.decided()
    assert found.learned == len(learned_rows) > 15
    assert {one.decided_by for one in learned_rows} <= {f"feedback of key-{n}" for n in range(50)}
    assert all(one.answer == {"label": one.facts["said"]} for one in learned_rows)
    assert len(list(held_back(queue))) == len(found.held)
    again = take_feedback(log, queue, trusted, vectors)
    assert (again.learned, len(queue.items())) == (0, len(learned_rows) + len(found.held))


def test_what_is_held_back_can_be_let_through(learned, log, queue):
    take_feedback(log, queue, *learned[3:])
    n_held = len(list(held_back(queue)))
    with pytest.raises(CallError, match="Nothing is held back for 'malory'"):
        let_through(queue, ["malory"], by="ann")
    n = let_through(queue, ["mallory"], by="ann")
    assert n > 20
    assert len(list(held_back(queue))) == n_held - n
    assert {one.decided_by for one in queue.decided() if one.facts["key"] == "mallory"} == {"ann"}
    take_feedback(log, queue, *learned[3:])
    assert len(list(held_back(queue))) == n_held - n
    if rest := list(held_back(queue)):
        assert let_through(queue, [rest[0].reasons[0][0]], by="ann") >= 1


def test_feedback_that_is_no_label_is_counted(learned, log, queue):
    [one, *_] = next(log.read())
    log.add_feedback(Feedback(one.id, one.at, "a_new_label", caller="x"))
    found = take_feedback(log, queue, *learned[3:])
    assert found.left_out == {"no trusted row has the label": 1}
    assert found.corrections + found.confirmations == N_ASKED - 1


def test_who_is_trusted_is_not_tested(learned, log, queue):
    found = take_feedback(log, queue, *learned[3:], trusted_keys=["mallory"])
    assert found.by_trusted_keys > 20
    assert all(one.key != "mallory" for one in found.held)
    assert {one.state for one in queue.items() if one.facts["key"] == "mallory"} == {"decided"}
