"""What the service was asked is watched, with what it answered."""

import pytest

from metier.errors import SourceError
from metier.monitoring.sources import build_source
from metier.monitoring.sources.predictions import PredictionsSettings
from metier.serving.prediction_log import PredictionLog
from tests.made_predictions import NOON, predictions
from tests.source_reading import Reading


def test_each_prediction_comes_once_with_its_label(tmp_path):
    log = PredictionLog(tmp_path)
    log.write(predictions(5))
    source = build_source(PredictionsSettings(path=tmp_path, batch_messages=2, by=("label", "model")))
    read = Reading(source)
    asked = [prediction for batch in log.read() for prediction in batch]
    assert read() == [one.text for one in asked]
    assert read() == []
    assert read.messages[0].by == {"label": asked[0].label, "model": asked[0].model}
    assert [one.id for one in read.messages] == [one.id for one in asked]
    assert read.messages[0].at >= NOON
    source.close()
    log.close()


def test_a_store_that_keeps_no_text_is_told(tmp_path):
    log = PredictionLog(tmp_path)
    (one,) = predictions(1)
    log.write([type(one)(**{**vars(one), "question": None})])
    source = build_source(PredictionsSettings(path=tmp_path))
    read = Reading(source)
    assert read() == []
    assert "keeps no text" in read.refused[0].reason
    source.close()
    log.close()


def test_no_store_is_made_by_reading_it(tmp_path):
    with pytest.raises(SourceError, match="no predictions"):
        Reading(build_source(PredictionsSettings(path=tmp_path / "none")))()
    assert not (tmp_path / "none").exists()
