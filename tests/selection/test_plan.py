"""What fits into a budget: arithmetic over measured costs, who gets how much, and what is left out with which reason."""

import json

import pytest

from metier.errors import SettingsError
from metier.selection import plan as plan_module
from metier.selection.candidate_cost import SAFETY, CandidateCost, UpperLayers
from metier.selection.plan import ENOUGH_EPOCHS, STALE_SECONDS, Plan, fit_into
from metier.selection.planned import FEWEST_ROWS, LAST_ROWS, Budget, Planned
from metier.tasks.method_contract import Capabilities

GB = 10**9


class Epochs:
    """A method that makes up to some epochs."""

    name = "epochs.v1"
    capabilities = Capabilities()

    def __init__(self, epochs=5, time_limit_minutes=None, adaptation="full"):
        self.epochs, self.time_limit_minutes, self.adaptation = epochs, time_limit_minutes, adaptation

    def get_params(self, deep=True):
        return dict(vars(self))

    def set_params(self, **params):
        vars(self).update(params)
        return self


class Demanding(Epochs):
    """One that knows how many it needs."""

    fewest_epochs = 4


def cheap(name="linear.v1", seconds=2.0):
    return Planned(name, Epochs(), cost=CandidateCost(seconds_over_rows=seconds))


def frozen(name="frozen.v1", seconds=20.0, fixed=0.0, memory=0):
    return Planned(name, Epochs(), needs_base=True, cost=CandidateCost(fixed, memory, 0.0, seconds))


def tuned(name="tuned.v1", fixed=20.0, per_epoch=10.0, method=None):
    method = method or Epochs()
    return Planned(
        name, method, needs_base=True, most_epochs=method.epochs, cost=CandidateCost(fixed, 0, per_epoch)
    )


def budget(left, *, refit=False, growth=1.0, memory=10 * GB, n_rows=10_000):
    return Budget(left + 25, left, memory, n_rows=n_rows, refit=refit, growth=growth)


def test_what_fits_runs_whole():
    candidates = [cheap(), frozen(), tuned()]
    fit_into(budget(1_000.0), candidates)
    assert [(one.runs, one.fraction, one.epochs) for one in candidates] == [
        (True, 1.0, None), (True, 1.0, None), (True, 1.0, 5),
    ]  # fmt: skip


def test_what_needs_no_base_runs_however_small_the_budget():
    candidates = [cheap(seconds=500.0), frozen(seconds=1_000.0, fixed=20.0)]
    fit_into(budget(10.0), candidates)
    assert candidates[0].runs
    assert candidates[0].seconds <= 500.0 * FEWEST_ROWS / 10_000 * SAFETY + 1e-6
    assert candidates[1].why_dropped == (
        "it needs about 1170 s and 10 s of the 35 s are left for it and the others; give more time with --budget"
    )


def test_each_candidate_takes_its_part_with_a_margin():
    candidates = [frozen("a.v1", 50.0), frozen("b.v1", 50.0)]
    fit_into(budget(2 * 50.0 * SAFETY + 0.1), candidates)
    assert [one.fraction for one in candidates] == [1.0, 1.0]
    candidates = [frozen("a.v1", 50.0), frozen("b.v1", 50.0)]
    fit_into(budget(50.0 * SAFETY), candidates)
    assert [one.fraction for one in candidates] == [0.5, 0.5]
    assert sum(one.seconds for one in candidates) <= 50.0 * SAFETY


def test_who_needs_less_than_an_equal_part_leaves_the_rest_to_the_others():
    small, large = frozen("small.v1", 10.0), frozen("large.v1", 200.0)
    fit_into(budget(100.0), [small, large])
    assert small.fraction == 1.0
    assert large.fraction == pytest.approx((100.0 - 10.0 * SAFETY) / (200.0 * SAFETY), abs=0.01)


def test_too_many_to_share_the_time_leave_out_the_most_expensive():
    candidates = [frozen(f"{name}.v1", 100.0) for name in "abc"]
    fit_into(budget(60.0, n_rows=100_000), candidates)
    assert [one.fraction < 1 for one in candidates] == [True, True, True]  # 17 % of 100,000 rows are enough.
    candidates = [frozen(f"{name}.v1", 100.0) for name in "abc"]
    fit_into(budget(60.0, n_rows=10_000), candidates)
    assert [one.runs for one in candidates] == [True, True, False]
    assert candidates[2].waits


def test_one_that_stands_on_a_base_runs_on_few_rows_before_none_does():
    one = tuned(per_epoch=1_000.0)
    fit_into(budget(150.0), [cheap(), one])
    assert one.epochs == 2
    assert one.fraction == pytest.approx((150.0 - 2.0 * SAFETY - 20.0) / (2_000.0 * SAFETY), abs=0.01)
    assert one.time_limit_minutes * 60 <= 150.0


def test_below_the_fewest_rows_it_is_left_out():
    one = frozen(seconds=1_000.0)
    fit_into(budget(1_000.0 * SAFETY * FEWEST_ROWS / 10_000 - 1.0), [one])
    assert "it needs about 1150 s" in one.why_dropped


def test_a_long_run_trains_one_that_needs_a_base_on_fewer_rows_before_none():
    left = 8_000.0 * SAFETY * LAST_ROWS / 10_000 + 1.0
    first, second = frozen("a.v1", 8_000.0), frozen("b.v1", 9_000.0)
    fit_into(budget(left + 30.0), [first, second])
    assert (first.runs, first.fraction, second.runs) == (True, 0.01, False)
    assert left + 30.0 > first.seconds
    short = Budget(60.0, 55.0, 10 * GB, n_rows=10_000, refit=False)
    one = frozen("a.v1", 4_000.0)
    fit_into(short, [one])
    assert not one.runs


def test_epochs_are_as_many_as_fit():
    one = tuned(fixed=20.0, per_epoch=10.0)
    assert not fit_into(budget(20.0 + 3 * 10.0 * SAFETY + 1.0), [one])
    assert one.epochs == 3
    assert one.fraction == 1.0
    assert one.seconds == pytest.approx(20.0 + 3 * 10.0 * SAFETY)
    # The clock stops the passes where the budget does, should the machine be slower than it was measured.
    assert one.time_limit_minutes * 60 == pytest.approx(3 * 10.0 * SAFETY + 1.0)


def test_no_more_epochs_than_the_method_makes():
    one = tuned(per_epoch=1.0)
    fit_into(budget(10_000.0), [one])
    assert one.epochs == 5


def test_the_clock_of_epochs_has_all_the_time_that_nobody_else_needs():
    one, after = tuned(per_epoch=1.0), frozen(seconds=100.0)
    fit_into(budget(1_000.0), [one, after])
    assert one.time_limit_minutes * 60 == pytest.approx(1_000.0 - 100.0 * SAFETY - 20.0)


@pytest.mark.parametrize("per_epoch", [0.1, 1 / 3, 10.0, 97.3])
def test_all_epochs_fit_into_exactly_what_they_take(per_epoch):
    one = tuned(per_epoch=per_epoch)
    fit_into(budget(20.0 + 5 * per_epoch * SAFETY), [one])
    assert one.epochs == 5


class Exported(Epochs):
    """One whose precision is open."""

    def __init__(self, epochs=5, time_limit_minutes=None, precision="auto"):
        super().__init__(epochs, time_limit_minutes)
        self.precision = precision


@pytest.mark.parametrize(("left", "int8", "epochs"), [(125.0, True, 5), (115.0, True, 4), (99.0, False, 5)])
def test_int8_is_made_where_three_epochs_on_all_rows_fit_besides(left, int8, epochs):
    cost = CandidateCost(10.0, 0, 10.0 / SAFETY, seconds_int8=60.0)
    one = Planned("tuned.v1", Exported(), needs_base=True, most_epochs=5, cost=cost)
    fit_into(budget(left), [one])
    assert (one.int8, one.epochs, one.fraction) == (int8, epochs, 1.0)
    assert one.seconds == pytest.approx(10.0 + epochs * 10.0 + int8 * 60.0)
    assert one.begin().precision == ("auto" if int8 else "fp32")


def test_it_is_said_where_int8_is_not_made():
    one = Planned("a.v1", Exported(), needs_base=True, cost=CandidateCost(10.0, seconds_int8=60.0))
    plan = Plan([one], (), fit_into(budget(50.0), [one]))
    assert plan.parts == ["a.v1 in fp32: to make INT8 and to check it would take about 60 s more"]


def test_a_refit_is_planned_where_three_epochs_fit_twice():
    """Rows are worth more than epochs once there are three: what is left goes to the refit."""
    growth = 1.25
    enough = (20.0 + ENOUGH_EPOCHS * 10.0 * SAFETY) * (1 + growth)
    one = tuned()
    assert fit_into(budget(enough + 0.1, refit=True, growth=growth), [one])
    assert one.epochs == ENOUGH_EPOCHS
    one = tuned()
    assert not fit_into(budget(enough - 0.1, refit=True, growth=growth), [one])
    assert one.epochs > ENOUGH_EPOCHS  # Alone it gets the time of both.


def test_a_method_that_needs_more_epochs_gets_them_on_fewer_rows():
    one = tuned(method=Demanding(epochs=6), fixed=0.0)
    fit_into(budget(2 * 10.0 * SAFETY), [one])
    assert (one.epochs, one.fraction) == (4, 0.5)


def test_epochs_set_below_what_a_method_needs_are_a_fault_and_no_lack_of_time():
    with pytest.raises(SettingsError, match=r"epochs is 3, and tuned\.v1 needs 4 passes") as caught:
        fit_into(budget(10_000.0), [tuned(method=Demanding(epochs=3))])
    assert "--budget" not in str(caught.value)


def test_what_does_not_fit_into_memory_is_dropped_first():
    large, small = frozen("large.v1", memory=12 * GB), frozen("small.v1", memory=GB)
    fit_into(budget(30.0, memory=8 * GB), [large, small])
    assert large.why_dropped.startswith("it needs about 12.0 GB and 8.0 GB are free")
    assert small.fraction == 1.0  # What was dropped takes no time.


def test_what_cannot_run_takes_nothing():
    failed, dropped, last = frozen("a.v1"), frozen("b.v1"), frozen("c.v1", 20.0)
    failed.why_failed, dropped.why_dropped = "a bug", "no extra"
    fit_into(budget(20.0 * SAFETY), [failed, dropped, last])
    assert last.fraction == 1.0
    assert dropped.why_dropped == "no extra"


class TestAgain:
    """The plan made again with what is left."""

    @pytest.fixture
    def plan(self):
        candidates = [cheap(seconds=100.0), frozen(seconds=300.0), tuned(per_epoch=5_000.0)]
        whole = budget(200.0)
        return Plan(candidates, (), fit_into(whole, candidates), whole)

    def test_what_was_left_out_comes_back_when_there_is_time(self, plan):
        linear, frozen, tuned = plan.candidates
        assert (linear.fraction, frozen.fraction, tuned.runs) == (0.86, 0.29, False)
        plan.again(5_000.0, lambda name: name == "linear.v1")  # It took next to nothing.
        assert frozen.fraction == 1.0
        assert tuned.runs
        assert tuned.fraction == pytest.approx((5_000.0 - 300.0 * SAFETY - 20.0) / (10_000 * SAFETY), abs=0.01)
        assert tuned.why_dropped is None

    def test_what_has_begun_goes_on_as_it_was_planned(self, plan):
        frozen = plan.candidates[1]
        frozen.begin()
        plan.again(5_000.0, lambda name: False)
        assert frozen.fraction == 0.29

    def test_what_can_never_run_does_not_come_back(self, plan):
        plan.candidates[1].why_dropped, plan.candidates[1].waits = "no extra", False
        plan.again(5_000.0, lambda name: False)
        assert plan.candidates[1].why_dropped == "no extra"

    def test_others_are_taken_to_be_as_slow_as_those_before_them(self):
        candidates = [cheap(seconds=10.0), frozen(seconds=100.0), tuned(fixed=0.0, per_epoch=100.0)]
        plan = Plan(candidates, (), fit_into(budget(5_000.0), candidates), budget(5_000.0))
        plan.again(4_000.0, lambda name: name != "tuned.v1", {"linear.v1": 11.0, "frozen.v1": 300.0})
        # Three times what was measured; that linear models kept to their time says nothing about a base.
        assert candidates[2].cost.seconds_per_epoch == pytest.approx(300.0)
        assert candidates[2].seconds == pytest.approx(5 * 300.0 * SAFETY)
        plan.again(4_000.0, lambda name: name != "tuned.v1", {"linear.v1": 11.0, "frozen.v1": 10.0})
        assert candidates[2].cost.seconds_per_epoch == pytest.approx(100.0)

    def test_what_was_foretold_to_take_no_time_says_nothing_about_others(self):
        candidates = [frozen(seconds=1.0), tuned(fixed=0.0, per_epoch=100.0)]
        plan = Plan(candidates, (), fit_into(budget(5_000.0), candidates), budget(5_000.0))
        plan.again(4_000.0, lambda name: name == "frozen.v1", {"frozen.v1": 30.0})
        assert candidates[1].cost.seconds_per_epoch == 100.0

    def test_what_took_no_time_says_nothing_about_others(self):
        candidates = [frozen(seconds=10.0), tuned(fixed=0.0, per_epoch=100.0)]
        plan = Plan(candidates, (), fit_into(budget(5_000.0), candidates), budget(5_000.0))
        plan.again(4_000.0, lambda name: name == "frozen.v1", {"frozen.v1": 1.0})
        assert candidates[1].cost.seconds_per_epoch == 100.0

    def test_it_says_which_rows_a_candidate_gets(self, plan):
        assert plan.parts[1] == "frozen.v1 on 29 % of the rows: all of them would take about 345 s"


def test_a_method_begins_with_the_epochs_and_the_clock_of_the_plan():
    one = tuned()
    fit_into(budget(20.0 + 3 * 10.0 * SAFETY + 1.0), [one])
    assert one.begin().get_params() == {
        "epochs": 3,
        "time_limit_minutes": pytest.approx(one.time_limit_minutes),
        "adaptation": "full",
    }
    own = tuned(method=Epochs(time_limit_minutes=9.0))
    fit_into(budget(1_000.0), [own])
    assert own.begin().time_limit_minutes == 9.0


def test_a_resumed_run_recalls_everything_but_the_method():
    one = tuned()
    fit_into(budget(100.0), [one])
    again = tuned()
    again.recall({**one.facts(), "of_a_later_version": 1})
    assert again.facts() == one.facts()
    assert again.cost == one.cost
    assert again.method is not None


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (4.7, "5 s"), (70.0, "1 min"), (600.0, "10 min")])
def test_the_plan_gives_short_times_in_seconds(seconds, said):
    facts = {"cores": 1, "precision": "bf16", "language": "en", "base": "none"}
    plan = Plan([Planned("a.v1", Epochs(), seconds=seconds)], (), refit=False, facts=facts)
    assert f"1 candidate in about {said}, " in plan.sentence


def test_one_row_of_each_of_very_many_labels_has_to_fit():
    dear, cheap_one = cheap(seconds=2_000.0), cheap("majority.v1", seconds=0.1)
    for left in (0, 120):
        fit_into(Budget(145, left, 10 * GB, n_rows=20_000, n_labels=7_000, refit=False), [cheap_one, dear])
        assert cheap_one.runs
    assert "it needs about 2300 s" in dear.why_dropped
    fit_into(Budget(1_000, 975, 10 * GB, n_rows=20_000, n_labels=7_000, refit=False), [cheap_one, dear])
    assert dear.runs
    assert dear.fraction >= 0.35


def test_what_takes_longest_to_train_is_left_out_first_though_it_is_cheap_in_use():
    candidates = [frozen("static.v1", fixed=67.0, seconds=1.0), frozen("b.v1", seconds=12.0), tuned()]
    fit_into(budget(65.0, n_rows=300), candidates)
    assert [one.name for one in candidates if one.runs] == ["b.v1", "tuned.v1"]


def with_upper_layers(per_epoch=100.0):
    one = tuned(per_epoch=per_epoch, fixed=10.0)
    one.upper = UpperLayers("top:2", 1 / 3)
    return one


def test_upper_layers_are_trained_alone_where_that_gives_them_many_more_rows():
    one = with_upper_layers()
    plan = Plan([one], (), refit=False, budget=budget(110.0))
    fit_into(plan.budget, [one])
    assert one.trains_upper
    assert one.fraction > 0.8, "all layers would have seen 0.43 of the rows"
    assert one.seconds <= 110.0
    assert one.begin().adaptation == "top:2"
    [sentence] = plan.parts
    assert "trains its upper layers alone (top:2) on" in sentence


def test_all_layers_are_trained_where_they_fit_or_upper_ones_would_not_see_many_more_rows():
    whole = with_upper_layers()
    fit_into(budget(1_000.0), [whole])
    assert (whole.trains_upper, whole.fraction) == (False, 1.0)
    nearly = with_upper_layers()
    fit_into(budget(190.0), [nearly])
    assert not nearly.trains_upper
    assert 0.5 < nearly.fraction < 1


def test_what_was_planned_of_upper_layers_is_remembered():
    one, again = with_upper_layers(), tuned()
    fit_into(budget(110.0), [one])
    again.recall(json.loads(json.dumps(one.facts())))
    assert (again.upper, again.trains_upper) == (one.upper, True)


def test_what_time_is_short_for_is_measured_again_after_a_while(monkeypatch):
    now, measured = [0.0], []
    monkeypatch.setattr(plan_module.time, "monotonic", lambda: now[0])

    def measure(one):
        measured.append(one.name)
        one.cost, one.measured_at = CandidateCost(5.0, 0, 10.0), now[0]

    slow = tuned(fixed=20.0, per_epoch=100.0)
    slow.measured_at = 0.0
    plan = Plan([slow], (), False, budget(200.0), measure=measure)
    plan.again(200.0, lambda name: False)
    assert (measured, slow.fraction) == ([], pytest.approx(0.78, abs=0.01))
    now[0] = STALE_SECONDS + 1
    plan.again(150.0, lambda name: False)
    assert (measured, slow.fraction, slow.epochs) == ([slow.name], 1.0, 5)


def test_what_was_left_out_for_time_is_measured_again_and_what_runs_whole_is_not(monkeypatch):
    now, measured = [STALE_SECONDS + 1], []
    monkeypatch.setattr(plan_module.time, "monotonic", lambda: now[0])
    whole, out = tuned("whole.v1"), tuned("out.v1", fixed=500.0)
    for one in (whole, out):
        one.measured_at = 0.0
    plan = Plan([whole, out], (), False, budget(200.0), measure=lambda one: measured.append(one.name))
    plan.again(200.0, lambda name: False)
    assert measured == []
    plan.again(100.0, lambda name: name == whole.name)
    assert measured == [out.name]


def test_a_part_of_the_rows_is_cheaper_only_below_what_is_learned_from():
    cost = CandidateCost(10.0, seconds_over_rows=100.0, share_learned=0.4)
    assert cost.total(fraction=0.5) == cost.total() == 10.0 + 100.0 * SAFETY
    assert cost.total(fraction=0.2) == pytest.approx(10.0 + 50.0 * SAFETY)
    assert cost.fraction(10.0 + 50.0 * SAFETY) == pytest.approx(0.2)
    assert cost.fraction(cost.total()) == 1.0
    assert cost.scaled(2.0).share_learned == 0.4
