"""The whole circle with the frozen vectors of an encoder: nothing is forgotten, by the gate's own defaults."""

import pytest

from tests.continual.test_circle import go_round


@pytest.mark.slow
def test_an_encoder_learns_new_topics_and_forgets_nothing(tmp_path, capsys):
    told = go_round(tmp_path, capsys, candidate="frozen_linear", policy="strict.yaml")
    assert told.promoted["forgetting"]["verdict"] == "pass"
    assert told.true_before < 0.5
    assert told.true_after > 0.93
    assert abs(told.estimated.value - told.true_after) < 0.05
