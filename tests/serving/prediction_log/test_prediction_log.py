"""The store of predictions: read in batches, corrected, erased, pruned, shared by processes and never broken."""

import json
import multiprocessing
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from metier.errors import CallError, PredictionLogError
from metier.serving.prediction_log import Feedback, PredictionLog, erase_subject, new_prediction_ids
from metier.serving.prediction_log.kept_texts import kept_answer, kept_question
from metier.serving.prediction_log.prediction_log import DATABASE
from tests.made_predictions import NOON, predictions, write_some


@pytest.fixture
def log(tmp_path):
    return PredictionLog(tmp_path / "log")


def test_what_was_written_is_read_in_batches_and_a_reader_goes_on_where_it_ended(log):
    written = predictions(25, caller="ann", latency_ms=0.4)
    assert log.write(written) == 25
    batches = list(log.read(batch_rows=10))
    assert [len(batch) for batch in batches] == [10, 10, 5]
    read = [one for batch in batches for one in batch]
    assert [(one.id, one.at, one.label, one.confidence, one.text) for one in read] == [
        (one.id, one.at, "refund", 0.9, "a refund") for one in written
    ]
    assert (read[0].caller, read[0].latency_ms, read[0].out_of_scope) == ("ann", 0.4, None)
    log.write(predictions(2))
    assert [len(batch) for batch in log.read(after=read[-1].number)] == [2]


def test_reading_asks_for_a_time_a_model_and_a_version(log):
    log.write([*predictions(3), *predictions(2, model="other"), *predictions(4, version="2")])

    def found(**asked):
        return sum(map(len, log.read(**asked)))

    assert found(model="support") == 7
    assert found(model="support", version="2") == 4
    assert found(since=NOON + timedelta(seconds=2)) == 3
    assert found(since=NOON.replace(tzinfo=None), until=NOON + timedelta(seconds=1)) == 3


def test_an_attempt_that_may_have_ended_is_not_stored_twice(log):
    written = predictions(3)
    log.write(written[:2])
    assert log.write(written, may_be_there=True) == 1
    assert log.count() == 3


def test_the_latest_correction_counts_and_all_are_kept(log):
    [one] = predictions(1)
    log.write([one])
    for said in ({"correction": "换卡"}, {"correction": ["a", "b"]}, {"thumb": "down", "comment": "no"}):
        log.add_feedback(Feedback(one.id, datetime.now(UTC), **said))
    found = log.find(one.id)
    assert [said.correction for said in found.feedback] == ["换卡", ["a", "b"], None]
    assert (found.correction, found.thumb, found.feedback[2].comment) == (["a", "b"], "down", "no")
    assert log.find(new_prediction_ids(1)[0]) is None


def test_a_subject_is_erased_from_the_files_and_comes_back_no_more(log, tmp_path):
    own = predictions(3, subject="jane.doe@example.com", question={"text": "planted-needle"})
    log.write([*own[:2], *predictions(2, subject="john")])
    log.add_feedback(Feedback(own[0].id, NOON, comment="planted-needle"))
    files = tmp_path / "log"
    assert b"jane.doe" not in b"".join(path.read_bytes() for path in files.iterdir())
    assert erase_subject(files, " jane.doe@example.com ") == 2
    assert log.count() == 2
    assert log.write(own[2:]) == 0  # Was answered before, and came to the store late.
    assert b"planted-needle" not in b"".join(path.read_bytes() for path in files.iterdir())
    assert log.write(predictions(1, subject="jane.doe@example.com", at=datetime.now(UTC))) == 1
    assert erase_subject(f"sqlite:///{files / DATABASE}", "nobody") == 0


def test_erasing_where_there_is_no_store_is_refused(tmp_path):
    with pytest.raises(CallError, match="There is no store of predictions in"):
        erase_subject(tmp_path, "jane")
    assert list(tmp_path.iterdir()) == []


def test_what_is_old_is_removed(log):
    log.write([*predictions(5), *predictions(2, at=NOON + timedelta(days=2))])
    assert log.remove_before(NOON + timedelta(days=1)) == 5
    assert log.count() == 2


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / DATABASE).write_text("not a database" * 100)
    with pytest.raises(PredictionLogError, match="cannot be used: file is not a database"):
        PredictionLog(tmp_path)


def test_several_processes_write_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_some, args=(tmp_path, 10)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    read = [one for batch in PredictionLog(tmp_path).read(batch_rows=70) for one in batch]
    assert len({one.id for one in read}) == 300
    assert [one.number for one in read] == list(range(1, 301))


def test_a_kill_leaves_whole_batches(tmp_path):
    counts = []
    for _ in range(5):
        process = multiprocessing.get_context("fork").Process(target=write_some, args=(tmp_path, 10_000))
        process.start()
        time.sleep(0.3)
        process.kill()
        process.join(30)
        counts.append(PredictionLog(tmp_path).count())
    assert counts[-1] > 0
    assert {n % 10 for n in counts} == {0}
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("policy", "question", "answer"),
    [
        ("plain", "write to jane.doe@example.com", {"spans": [{"label": "NAME", "text": "Jane", "start": 0}]}),
        ("masked", "write to <EMAIL_ADDRESS>", {"spans": [{"label": "NAME", "text": None, "start": 0}]}),
        ("none", None, {"spans": [{"label": "NAME", "text": None, "start": 0}]}),
    ],
)
def test_texts_are_kept_as_the_policy_says(policy, question, answer):
    asked = {
        "text": "write to jane.doe@example.com",
        "image": object(),
        "turns": [{"said": "mail@example.com"}],
    }
    found = kept_question(asked, policy)
    assert (found or {}).get("text") == question
    json.dumps(found)
    assert "@" not in json.dumps(found) or policy == "plain"
    record = {"spans": [{"label": "NAME", "text": "Jane", "start": 0}]}
    assert kept_answer(record, policy) == answer
    assert kept_answer({"label": "refund", "probability": 0.5}, policy) == {
        "label": "refund",
        "probability": 0.5,
    }
