"""What candidates will cost is measured; what cannot be measured does not run without a clock."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from metier.classical import Majority
from metier.data import Splits, read
from metier.errors import BaseModelError, SettingsError
from metier.export.precision_choice import int8_answers
from metier.progress import ignore
from metier.runs.run_folder import RunFolder
from metier.selection import budget, planning
from metier.selection.budget import Clock
from metier.selection.candidates import CandidateBuilder
from metier.selection.decisions import decide
from metier.selection.execution.measuring import seconds_to_measure
from metier.selection.planned import Planned
from metier.selection.planning import Planner
from metier.selection.sample_cost import Sample
from metier.selection.settings import check_settings


@pytest.fixture
def planner(tmp_path):
    rows = read([{"text": f"the card number {n}", "label": "ab"[n % 2]} for n in range(40)])
    splits = Splits(rows, rows.take(range(6)), rows.take(range(6)), ())
    settings = check_settings({"candidates": ["majority"]})
    decisions = decide(rows, settings).learned_from(splits, settings)
    return Planner(CandidateBuilder(RunFolder(tmp_path), settings, decisions), splits, Clock(60.0), ignore)


COST = {"seconds_fixed": 0.0, "seconds_per_epoch": 0.0, "seconds_per_answer": 0.0, "memory_bytes": 0}


class Measured(Majority):
    """A baseline that measures what it costs, and fails at it."""

    def __init__(self, error=None):
        self.error = error

    def measure(self, X, y=None):
        if isinstance(self.error, BaseException):
            raise self.error
        return self.error


def measuring(monkeypatch, error):
    monkeypatch.setattr(CandidateBuilder, "build", lambda self, name: Measured(error))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (MemoryError(), "it ran out of memory"),
        (BaseModelError("the base is broken"), "the base is broken"),
        (SystemExit(0), "a bug (SystemExit: 0); see train.log"),
        (RuntimeError("no luck"), "a bug (RuntimeError: no luck); see train.log"),
        (SimpleNamespace(**COST, seconds_before=float("nan")), "a bug (ValueError: measure() gave"),
        (SimpleNamespace(**COST, seconds_before=-1.0), "a bug (ValueError: measure() gave"),
        (3, "a bug (AttributeError"),
    ],
)
def test_what_cannot_be_measured_does_not_run(planner, monkeypatch, error, why):
    measuring(monkeypatch, error)
    [one] = planner.plan().candidates
    assert not one.runs
    assert one.why_failed.startswith(why)


class Choosy(Measured):
    """A baseline that is asked whether it suits the rows, and fails at it."""

    def why_not(self, X, y):
        if isinstance(self.error, BaseException):
            raise self.error
        return self.error


@pytest.mark.parametrize(
    ("answer", "dropped", "failed"),
    [
        ("there are too few rows", "there are too few rows", None),
        (ValueError("no luck"), None, "a bug (ValueError: no luck); see train.log"),
        (SystemExit(2), None, "a bug (SystemExit: 2); see train.log"),
    ],
)
def test_what_cannot_say_whether_it_suits_the_rows_does_not_run(planner, monkeypatch, answer, dropped, failed):
    monkeypatch.setattr(CandidateBuilder, "build", lambda self, name: Choosy(answer))
    planner.builder = replace(planner.builder, settings=check_settings({}))
    [one] = planner.plan().candidates
    assert not one.runs
    assert (one.why_dropped, one.why_failed) == (dropped, failed)


def test_settings_that_cannot_work_end_the_run_before_anything_is_trained(planner, monkeypatch):
    measuring(monkeypatch, SettingsError(["learning_rate is -1"], origin="The settings of x.v1"))
    with pytest.raises(SettingsError, match="learning_rate is -1"):
        planner.plan()


def test_a_fit_on_samples_stands_for_all_rows(planner, monkeypatch):
    monkeypatch.setattr(planning, "SAMPLE_ROWS", (10, 20))
    clock, sizes = [0.0], []

    def fit(self, X, y, **options):
        sizes.append(len(X))
        clock[0] += planning.work_of(y) / 10

    def predict(self, X):
        clock[0] += len(X) * 0.01

    monkeypatch.setattr(Majority, "fit", fit)
    monkeypatch.setattr(Majority, "predict", predict)
    monkeypatch.setattr(planning.time, "perf_counter", lambda: clock[0])
    [one] = planner.plan().candidates
    assert sizes == [10, 20]
    growth = (len(planner.items) + len(planner.splits.validation)) / len(planner.items)  # The refit takes both.
    # Every validation and test row is answered, and some of them again to measure what that takes.
    answering = 0.01 * (len(planner.splits.validation) + len(planner.splits.test)) + seconds_to_measure(
        0.01, loading=0
    )
    assert one.cost.seconds == pytest.approx(answering)
    assert one.seconds == pytest.approx(answering + planning.work_of(planner.targets) / 10 * growth)


def test_answers_take_longer_the_more_labels_there_are():
    few, many = Sample(200, 1.0, 0, 0, 0.001, 100), Sample(800, 2.0, 0, 0, 0.002, 300)
    assert planning.seconds_per_answer([few, many], 5_100) == pytest.approx(0.026)
    assert planning.seconds_per_answer([few, many], 300) == 0.002
    assert planning.seconds_per_answer([many], 5_100) == 0.002  # Nothing says how it grows.
    assert planning.seconds_per_answer([replace(few, n_labels=0), replace(many, n_labels=0)], 9) == 0.002


@pytest.fixture
def passing(monkeypatch):
    """Let seconds pass: a list of the one number that every clock shows."""
    now = [1_000.0]
    for module in (planning.time, budget.time):
        monkeypatch.setattr(module, "perf_counter", lambda: now[0])
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def test_a_cheap_method_is_fitted_on_one_sample(planner, monkeypatch):
    monkeypatch.setattr(planning, "SAMPLE_ROWS", (10, 20))
    sizes = []
    monkeypatch.setattr(Majority, "fit", lambda self, X, y, **options: sizes.append(len(X)))
    monkeypatch.setattr(Majority, "predict", lambda self, X: None)
    planner.plan()
    assert sizes == [10]


def test_once_measuring_took_its_part_of_the_budget_samples_are_small(planner, monkeypatch, passing):
    monkeypatch.setattr(planning, "SAMPLE_ROWS", (20, 30))
    monkeypatch.setattr(planning, "OVERDUE_ROWS", 5)
    sizes = []

    def fit(self, X, y, **options):
        sizes.append(len(X))
        passing[0] += 7.0  # Of the 60 that the run has.

    monkeypatch.setattr(Majority, "fit", fit)
    monkeypatch.setattr(Majority, "predict", lambda self, X: None)
    one, other = Planned("majority.v1", Majority()), Planned("majority.v1", Majority())
    planner.clock = Clock(60.0)
    planner._measure([one, other])
    assert sizes == [20, 5]
    assert one.cost.total() > 0 < other.cost.total()


def test_what_needs_a_base_is_not_even_measured_when_no_time_is_left(planner, monkeypatch, passing):
    measuring(monkeypatch, MemoryError())
    planner.clock = Clock(60.0)
    passing[0] += 50.0
    one = Planned("encoder.v1", Measured(MemoryError()), needs_base=True)
    planner._measure([one])
    assert one.why_failed is None
    left = 60.0 - 50.0 - budget.CLOSING_SECONDS
    assert one.why_dropped.startswith(f"{left:.0f} s of the 60 s are left, too few to measure what it takes")
    assert not one.waits


def test_what_knows_its_memory_is_believed(planner, monkeypatch):
    monkeypatch.setattr(Majority, "memory_bytes", lambda self, X, y: len(X) * 10**9, raising=False)
    [one] = planner.plan().candidates
    assert 40 * 10**9 < one.cost.memory_bytes < 44 * 10**9  # With what this process has already.
    assert one.why_dropped.startswith("it needs about 4")


def test_running_out_of_memory_on_a_sample_counts_too(planner, monkeypatch):
    def fit(self, X, y, **options):
        raise MemoryError

    monkeypatch.setattr(Majority, "fit", fit)
    [one] = planner.plan().candidates
    assert one.why_failed.startswith("it ran out of memory")


def test_a_resumed_run_keeps_the_plan_it_began_with(planner, monkeypatch):
    first = planner.plan()
    measuring(monkeypatch, MemoryError())
    again = planner.plan()
    assert [one.facts() for one in again.candidates] == [one.facts() for one in first.candidates]
    assert again.facts == first.facts


@pytest.mark.parametrize(
    ("n_validation", "answers"), [(598, 0), (599, 2_500 + 2 * 599), (9_000, 2_500 + 8_000)]
)
def test_int8_costs_time_only_where_it_can_be_proved(n_validation, answers):
    assert int8_answers(n_validation) == answers
