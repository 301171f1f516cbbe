"""Filling a queue by small sealed models, and what each row says of why it is there."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert

from metier.bundles import load_bundle
from metier.continual.queue import QueueStore
from metier.continual.queue.candidates import Candidate, Candidates, read_candidates, watch_digests
from metier.continual.queue.costs import Costs, expected_seconds
from metier.continual.queue.filling import Filling, fill
from metier.errors import CallError
from metier.monitoring.store.tables import ANSWERS, MESSAGES
from metier.monitoring.store.watch_store import WatchStore
from metier.report.sentences import in_chinese
from metier.serving.prediction_log import Feedback, Prediction, PredictionLog, new_prediction_ids

ROOT = Path(__file__).resolve().parents[3]
SEALED = ROOT / "tests" / "bundles" / "sealed_71959d8"
TEXTS = read_candidates(ROOT / "examples" / "banking77" / "test.csv").rows[:300]


@pytest.fixture(scope="module")
def linear():
    return load_bundle(SEALED / "linear.v1")


@pytest.fixture
def queue(tmp_path):
    store = QueueStore(tmp_path / "queue.sqlite")
    yield store
    store.close()


def known(model, n=30):
    return list(
        zip(
            [one.text for one in TEXTS[-n:]],
            model.predict([one.text for one in TEXTS[-n:]]).predicted,
            strict=True,
        )
    )


def test_watched_texts_are_erased_with_all_who_wrote_them(queue, linear):
    first = TEXTS[0].text
    rows = [
        Candidate("a", str(n), one.text, subject="u1" if n else "u2", subject_digest=None)
        for n, one in enumerate([TEXTS[0], *TEXTS[:60]])
    ]
    rows.append(Candidate("watch", "w", first, subject_digest="d1"))
    fill(queue, Candidates(rows), model=linear, how=Filling(n=5))
    [before] = queue.rounds()
    assert len(before.answers) == 60
    queue.erase("nobody", digests=["d1"])
    assert len(queue.rounds()[0].answers) == 59
    queue.erase("u1")
    assert queue.rounds()[0].answers == {}


def test_the_first_rows_have_every_label_and_some_are_drawn_by_chance(queue, linear):
    found = fill(queue, Candidates(TEXTS), model=linear, how=Filling(n=40, audit_fraction=0.25))
    assert (found.added, found.by) == (40, {"audit": 10, "stratified": 30})
    items = queue.items()
    chosen = [one for one in items if not one.is_audit]
    assert {one.reasons[0][1].split("'")[1] for one in chosen} == set(linear.labels)
    # Who stops in the middle has labelled some of both.
    assert 0 < sum(one.is_audit for one in items[:20]) < 10
    assert queue.setting("labels") == list(linear.labels)
    assert queue.setting("kind") == "label"


def test_later_rows_are_those_where_the_model_hesitates(queue, linear):
    fill(queue, Candidates(TEXTS), model=linear, known=known(linear), how=Filling(n=10, audit_fraction=0))
    margins = [np.diff(sorted(one.suggestion["probabilities"].values())[-2:])[0] for one in queue.items()]
    shares = linear.predict([one.text for one in TEXTS]).probabilities
    least = np.sort(np.diff(np.sort(shares, axis=1)[:, -2:], axis=1)[:, 0])[:10]
    assert sorted(margins) == pytest.approx(least.tolist(), abs=2e-4)
    assert queue.items()[0].reasons[0][1].startswith("The model hesitates between")


def test_strategies_take_turns(queue):
    cascade = load_bundle(SEALED / "cascade.v1")
    how = Filling(n=12, audit_fraction=0, strategies=("badge", "core_set", "entropy"))
    assert fill(queue, Candidates(TEXTS), model=cascade, known=known(cascade), how=how).by == {
        "badge": 4,
        "core_set": 4,
        "entropy": 4,
    }
    found = fill(
        queue,
        Candidates(TEXTS),
        model=cascade,
        how=Filling(n=200, strategies=("disagreement",), audit_fraction=0),
    )
    assert found.added == 200
    assert found.by["random"] + found.by["disagreement"] == 200
    assert "are drawn by chance" in found.notes[-1]


def test_an_empty_queue_says_why(queue, linear):
    every = Candidates(TEXTS[:5])
    fill(queue, every, model=linear, how=Filling(n=10))
    found = fill(queue, every, model=linear)
    assert found.added == 0
    assert found.notes == [
        "5 rows are in the queue already",
        "no row was added: all of them are in the queue already",
    ]


@pytest.mark.parametrize("name", ["crf.v1", "many_labels_linear.v1"])
def test_spans_and_label_sets_are_suggested(queue, name):
    model = load_bundle(SEALED / name)
    texts = [each["text"] if isinstance(each, dict) else each for each in asked(name)]
    rows = [Candidate("a", str(n), text) for n, text in enumerate(texts)]
    found = fill(queue, Candidates(rows), model=model, how=Filling(n=3, audit_fraction=0))
    assert found.by == {"least_confidence": min(3, len(rows))}
    [first, *_] = queue.items()
    assert ("spans" if name == "crf.v1" else "labels") in first.suggestion
    assert first.reasons[0][1].endswith("% sure of the least sure part of its answer.")
    with pytest.raises(CallError, match="needs a model that answers with one label"):
        fill(
            queue,
            Candidates([Candidate("b", "1", "more")]),
            model=model,
            how=Filling(strategies=("class_balance",)),
        )


def asked(name):
    return json.loads((SEALED / f"{name}.answers.json").read_text("utf-8"))["questions"]


def test_without_a_model_rows_are_spread_over_the_texts(queue):
    fill(queue, Candidates(TEXTS), how=Filling(n=20, audit_fraction=0))
    assert all(one.suggestion is None and one.reasons[0][0] == "stratified" for one in queue.items())
    with pytest.raises(CallError, match="breaking_ties needs a model of labels"):
        fill(queue, Candidates(TEXTS), how=Filling(strategies=("breaking_ties",)))


def test_audit_rows_are_drawn_from_all_rows_whatever_the_model_makes_of_them(tmp_path, linear):
    drawn = np.zeros(len(TEXTS))
    places = {one.id: place for place, one in enumerate(TEXTS)}
    for seed in range(30):
        store = QueueStore(tmp_path / f"{seed}.sqlite")
        fill(store, Candidates(TEXTS), model=linear, how=Filling(n=60, audit_fraction=0.5, random_state=seed))
        drawn[[places[one.id] for one in store.items() if one.is_audit]] += 1
        store.close()
    margins = np.ptp(np.sort(linear.predict([one.text for one in TEXTS]).probabilities, axis=1)[:, -2:], axis=1)
    assert abs(np.corrcoef(drawn, margins)[0, 1]) < 0.2
    assert drawn.sum() == 900


def test_rows_that_a_watch_drew_are_the_audit_rows(queue, linear):
    rows = [Candidate("watch:a", str(n), one.text, is_audit=n % 10 == 0) for n, one in enumerate(TEXTS)]
    fill(queue, Candidates(rows), model=linear, how=Filling(n=50, audit_fraction=0.2))
    assert {int(one.id) % 10 for one in queue.items() if one.is_audit} == {0}


def test_a_budget_ends_the_batch(queue, linear):
    how = Filling(n=50, costs=Costs(price=0.1, hourly=36.0, seconds=10, budget=3.0))
    found = fill(queue, Candidates(TEXTS), model=linear, how=how)
    assert found.added == 15
    assert found.money == pytest.approx(3.0)
    assert found.notes == ["the budget pays 15 of 50 rows"]


def test_seconds_are_learned_from_labels():
    measured = [(length, 2 + length / 50) for length in range(10, 400, 5)]
    measured[7] = (45, 600.0)  # A telephone call.
    found = expected_seconds([0, 100], measured=measured, otherwise=9)
    assert found == pytest.approx([2, 4], abs=0.3)
    assert expected_seconds([5], measured=measured[:5], otherwise=9).tolist() == [9]


def test_rows_of_a_file_are_known_by_their_texts(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("text,truth,who\none two,a,u1\none two,a,u2\nthree four,,u3\n", encoding="utf-8")
    found = read_candidates(file, trusted="truth", subject="who")
    assert [(one.text, one.truth, one.subject) for one in found.rows] == [
        ("one two", {"label": "a"}, "u1"),
        ("three four", None, "u3"),
    ]
    assert "1 rows without a text" in found.notes[0]


def test_feedback_is_read_from_the_predictions_of_a_service(tmp_path, queue, linear):
    log = PredictionLog(tmp_path / "log")
    ids, now = new_prediction_ids(4), datetime.now(UTC)
    answer = {"label": "change_pin", "probability": 0.9}
    log.write(
        [
            Prediction(
                one, now, "m", "1", "linear.v1", answer, {"text": f"pin {n}"} if n else None, subject="u1"
            )
            for n, one in enumerate(ids)
        ]
    )
    log.add_feedback(Feedback(ids[1], now, correction="lost_card"))
    log.add_feedback(Feedback(ids[2], now, thumb="down"))
    candidates = read_candidates(tmp_path / "log")
    assert "1 predictions have no text" in candidates.notes[0]
    how = Filling(n=2, audit_fraction=0, strategies=("feedback",))
    fill(queue, candidates, model=linear, how=how)
    said = {one.text: one.reasons[0][1] for one in queue.items()}
    assert said["pin 1"] == "A user corrected the answer 'change_pin' to 'lost_card'."
    assert said["pin 2"] == "A user marked the answer 'change_pin' as wrong."
    assert queue.erase("nobody", digests=[log.digest("u1")]) == 2
    log.close()


def test_every_reason_and_note_is_said_in_chinese(tmp_path, queue, linear):
    cascade = load_bundle(SEALED / "cascade.v1")
    how = Filling(
        n=60,
        strategies=(
            "badge",
            "core_set",
            "entropy",
            "disagreement",
            "novelty",
            "class_balance",
            "least_confidence",
        ),
    )
    notes = fill(queue, Candidates(TEXTS), model=cascade, known=known(cascade), how=how).notes
    fill(
        queue,
        Candidates(TEXTS),
        model=linear,
        how=Filling(n=20, strategies=("stratified", "breaking_ties", "random")),
    )
    notes += fill(
        queue, Candidates(TEXTS), model=linear, how=Filling(n=60, costs=Costs(price=1, budget=2))
    ).notes
    for sentence in [*notes, *(one.reasons[0][1] for one in queue.items())]:
        assert in_chinese(sentence) != sentence, sentence


def test_rows_come_from_the_store_of_a_watch_which_may_hold_the_queue_too(tmp_path, linear):
    path = tmp_path / "watch.sqlite"
    watch = WatchStore(path)
    with watch.writing() as connection:
        for number, text in enumerate(["change my pin", "lost my card", "the same again", None], 1):
            row = {
                "number": number,
                "source": "mail",
                "id": str(number),
                "at": 1.0,
                "received": 2.0,
                "text": text,
            }
            row |= {"by": {}, "copy_of": 2 if number == 3 else None, "is_late": False, "is_audit": number == 2}
            connection.execute(insert(MESSAGES).values(**row, subject=watch.digest(f"u{number}")))
        answer = {"message": 1, "bundle": "topic", "version": "v1", "label": "change_pin", "confidence": 0.9}
        connection.execute(insert(ANSWERS).values(**answer))
    found = read_candidates(path, bundle="topic")
    assert [(one.source, one.id, one.is_audit) for one in found.rows] == [
        ("watch:mail", "1", False),
        ("watch:mail", "2", True),
    ]
    assert found.rows[0].facts["answers"]["topic"]["label"] == "change_pin"
    assert "1 messages have no text" in found.notes[0]
    queue = QueueStore(path)
    fill(queue, found, model=linear, how=Filling(n=2, audit_fraction=0.5))
    assert [one.id for one in queue.items() if one.is_audit] == ["2"]
    assert queue.erase("u1", digests=watch_digests(str(path), "u1")) == 1
    assert watch.count_messages() == 4
    queue.close()
    watch.close()
