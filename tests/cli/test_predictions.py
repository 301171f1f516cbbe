"""`metier predictions`: the store as JSON lines."""

import json
from datetime import UTC, datetime

from metier.cli.program import run
from metier.serving.prediction_log import Feedback, PredictionLog
from tests.made_predictions import predictions


def test_every_answer_is_a_line_and_corrected_ones_can_be_picked(tmp_path, capsys):
    log = PredictionLog(tmp_path)
    made = predictions(3)
    log.write([*made, *predictions(1, of=made[0].id, role="shadow")])
    log.add_feedback(Feedback(made[1].id, datetime.now(UTC), correction="card"))
    assert run(["predictions", str(tmp_path)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["prediction_id"] for line in lines] == [one.id for one in made]
    assert (lines[0]["question"], lines[0]["answer"]["label"]) == ({"text": "a refund"}, "refund")
    assert run(["predictions", str(tmp_path), "--corrected"]) == 0
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["correction"], line["feedback"][0]["correction"]) == ("card", "card")
    assert run(["predictions", str(tmp_path), "--with-shadows", "--since", "2026-11-30T12:00:01"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert run(["predictions", str(tmp_path / "none")]) == 2
    assert "There is no store of predictions" in capsys.readouterr().err
