"""What a slow predictor costs to measure: seconds, not the hours that hundreds of its answers would take."""

import time

import pytest

from metier.predictors.text.extracted_sentences import written
from metier.selection.execution import measuring


class Slow:
    labels = ()
    answered = 0

    def predict(self, items):
        time.sleep(0.05 * len(items))
        Slow.answered += len(items)
        return written(["text"] * len(items), "generator.v1")


@pytest.mark.serial
def test_measuring_what_writes_slowly_ends_soon(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "load_predictor", lambda folder, threads: Slow())
    monkeypatch.setattr(measuring, "SECONDS_AT_MOST", 0.3)
    begun = time.monotonic()
    cost = measuring.measure_cost(tmp_path, ["a text"] * 500)
    assert time.monotonic() - begun < 5
    assert Slow.answered < 60
    assert 45 < cost["latency_ms"]["mean"] < 200
    assert 5 < cost["rows_per_second"] < 22
