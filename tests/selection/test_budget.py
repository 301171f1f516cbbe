import time

import pytest

from metier.errors import CallError
from metier.selection.budget import Clock, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("90s", 90), ("1h30m", 5400), ("2", 120), (" 1.5 h ", 5400), ("1m30s", 90)],
)
def test_reads_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "10 minutes", "-5m", "0m", "5x", "m"])
def test_refuses_what_is_no_duration(text):
    with pytest.raises(CallError, match="--budget"):
        parse_duration(text)


@pytest.mark.serial
def test_clock_counts_what_an_interrupted_run_had_spent():
    clock = Clock(10.0, spent_seconds=4.0)
    time.sleep(0.02)
    assert 4.02 <= clock.elapsed_seconds < 5
    assert clock.left_seconds == pytest.approx(10 - clock.elapsed_seconds, abs=0.01)
