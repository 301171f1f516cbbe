"""`metier feedback`: corrections of a service into a queue, those held back let through by name, reviews on both sides."""

import csv
import json
from datetime import UTC, datetime

import pytest

from metier.bundles import load_bundle
from metier.cli import program
from metier.continual.queue.store import QueueStore
from metier.serving.prediction_log import Feedback, Prediction, PredictionLog, new_prediction_ids
from metier.serving.reviews import Review, ReviewStore


@pytest.fixture
def place(small_runs, tmp_path):
    """A log whose answers are corrected: as they should be by ann, to one label by mallory; and an answer that waits."""
    with (small_runs / "en-test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answers = load_bundle(small_runs / "runs" / "en").predict([row["message"] for row in rows]).predicted
    log, now, ids = PredictionLog(tmp_path / "predictions"), datetime.now(UTC), new_prediction_ids(len(rows))
    made = zip(ids, rows, answers, strict=True)
    log.write(
        [
            Prediction(id_, now, "m", "1", "x", {"label": answer, "probability": 0.5}, {"text": row["message"]})
            for id_, row, answer in made
        ]
    )
    for number, (id_, row) in enumerate(zip(ids, rows, strict=True)):
        said, key = ("age_limit", "mallory") if number % 2 else (row["intent"], "ann")
        log.add_feedback(Feedback(id_, now, said, caller=key))
    waits = Review(ids[0], now, "m", "1", {"text": "who knows"}, {"label": "age_limit"}, ("confidence",))
    ReviewStore(tmp_path / "predictions").add([waits])
    return tmp_path


def test_corrections_are_learned_or_wait(small_runs, place, capsys):
    command = ["feedback", str(place / "predictions"), "--bundle", str(small_runs / "runs" / "en")]
    command += ["--trusted", str(small_runs / "en-test.csv"), "--reference", str(small_runs / "en-train.csv")]
    command += ["--queue", str(place / "queue.sqlite")]
    assert program.run([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    store = QueueStore(place / "queue.sqlite")
    assert facts["reviews"]["added"] == 1
    assert facts["waiting"] == sum(one.source == "feedback" for one in store.items("waiting"))
    assert facts["corrections"] + facts["confirmations"] > 0
    assert len(store.items()) == facts["learned"] + facts["waiting"] + 1
    assert program.run([*command, "--let-through", "nobody"]) == 2
    assert "Nothing is held back for 'nobody'" in capsys.readouterr().err
    if facts["waiting"]:
        name = next(iter(facts["reasons"]))
        assert program.run([*command, "--let-through", name, "--by", "eve", "--lang", "zh"]) == 0
        assert "放行" in capsys.readouterr().out
        assert "eve" in {one.decided_by for one in store.decided()}
