import contextvars
import time

import psutil
import pytest

from metier.errors import CallError
from metier.progress import Progress
from metier.selection import budget
from metier.selection.budget import (
    SECONDS_BETWEEN_NOTES,
    Clock,
    count_from_process_start,
    parse_duration,
    seconds_since_process_start,
)


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


@pytest.fixture
def passing(monkeypatch):
    """Let seconds pass: a list of the one number that the clock shows."""
    now = [100.0]
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    return now


def test_clock_counts_what_an_interrupted_run_had_spent(passing):
    clock = Clock(10.0, spent_seconds=4.0)
    passing[0] += 3.0
    assert clock.elapsed_seconds == 7.0
    assert clock.left_seconds == 3.0


def test_a_busy_machine_is_known_by_how_little_is_computed(passing, monkeypatch):
    computed = [0.0]
    monkeypatch.setattr(budget.time, "process_time", lambda: computed[0])
    clock = Clock(600.0)
    assert clock.slowdown == 1.0
    for passed, done, slowdown in ((10.0, 10.0, 1.0), (20.0, 0.0, 3.0), (1_000.0, 0.0, budget.SLOWEST)):
        passing[0] += passed
        computed[0] += done
        assert clock.slowdown == slowdown
    assert clock.closing_seconds == budget.CLOSING_SECONDS * budget.SLOWEST


def test_a_clock_goes_on_from_what_was_written_down_in_the_middle_of_a_phase(passing):
    first = Clock(60.0)
    with first.phase("planning"):
        passing[0] += 5.0
    with first.phase("encoder.v1"):
        passing[0] += 20.0
        kept = first.facts()  # The last that was written before the run was killed.
    again = Clock(60.0)
    passing[0] += 1.0
    again.recall(kept)
    with again.phase("encoder.v1"):
        passing[0] += 10.0
    assert again.phases == {"planning": 5.0, "encoder.v1": 30.0}
    assert again.left_seconds == 60.0 - 25.0 - 11.0


def test_time_is_written_down_with_the_progress_and_at_the_end_of_a_phase(passing):
    kept, seen = [], []
    clock = Clock(60.0, keep=lambda facts: kept.append(facts["spent_seconds"]))
    listener = clock.watching(seen.append)
    with clock.phase("encoder.v1"):
        for _ in range(4):
            passing[0] += SECONDS_BETWEEN_NOTES / 2
            listener(Progress("encoder.v1", 1))
        passing[0] += 0.5
    assert kept == [2.0, 4.0, 4.5]
    assert len(seen) == 4


def test_an_interruption_is_written_down(passing):
    kept = []
    clock = Clock(60.0, keep=lambda facts: kept.append(facts["phases"]))

    def interrupted():
        with clock.phase("encoder.v1"):
            passing[0] += 7.0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert kept == [{"encoder.v1": 7.0}]


def test_a_run_begins_with_the_process_that_was_started_for_it():
    assert seconds_since_process_start() == 0.0
    context = contextvars.copy_context()
    context.run(count_from_process_start)
    taken = context.run(seconds_since_process_start)
    assert taken == pytest.approx(time.time() - psutil.Process().create_time(), abs=1.0)
