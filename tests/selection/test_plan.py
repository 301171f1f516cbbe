"""What fits into a budget: arithmetic over measured costs, and what is dropped with which reason."""

import pytest

from metier.errors import SettingsError
from metier.selection.plan import ENOUGH_EPOCHS, SAFETY, Budget, Planned, fit_into
from metier.tasks.method_contract import Capabilities

GB = 10**9


class Epochs:
    """A method that makes up to some epochs."""

    name = "epochs.v1"
    capabilities = Capabilities()

    def __init__(self, epochs=5):
        self.epochs = epochs

    def get_params(self, deep=True):
        return {"epochs": self.epochs}


class Demanding(Epochs):
    """One that knows how many it needs."""

    fewest_epochs = 4


def cheap(name="linear.v1", seconds=2.0):
    return Planned(name, Epochs(), seconds=seconds)


def frozen(name="frozen.v1", seconds=20.0):
    return Planned(name, Epochs(), needs_base=True, seconds=seconds)


def tuned(name="tuned.v1", fixed=20.0, per_epoch=10.0, method=None):
    return Planned(name, method or Epochs(), needs_base=True, seconds=fixed, seconds_per_epoch=per_epoch)


def budget(left, *, refit=False, growth=1.0, memory=10 * GB):
    return Budget(left + 25, left, memory, refit=refit, growth=growth)


def test_what_needs_no_base_runs_however_small_the_budget():
    candidates = [cheap(seconds=500.0), frozen(seconds=1.0)]
    fit_into(budget(10.0), candidates)
    assert candidates[0].runs
    # Its cost is taken off all the same: nothing is left for what comes after it.
    assert candidates[1].why_dropped == (
        "it needs about 1 s and 0 s of the 35 s are left for it; give more time with --budget"
    )


def test_each_candidate_takes_its_share_with_a_margin():
    candidates = [frozen("a.v1", 50.0), frozen("b.v1", 50.0)]
    fit_into(budget(50.0 * SAFETY + 50.0), candidates)
    assert [one.runs for one in candidates] == [True, True]
    candidates = [frozen("a.v1", 50.0), frozen("b.v1", 50.0)]
    fit_into(budget(50.0 * SAFETY + 49.9), candidates)
    assert [one.runs for one in candidates] == [True, False]


def test_epochs_are_as_many_as_fit():
    one = tuned(fixed=20.0, per_epoch=10.0)
    assert not fit_into(budget(20.0 + 3 * 10.0 * SAFETY + 1.0), [one])
    assert one.epochs == 3
    assert one.seconds == pytest.approx(20.0 + 3 * 10.0 * SAFETY)
    # The clock stops the passes where the budget does, should the machine be slower than it was measured.
    assert one.time_limit_minutes * 60 == pytest.approx(3 * 10.0 * SAFETY + 1.0)


def test_no_more_epochs_than_the_method_makes():
    one = tuned(per_epoch=1.0)
    fit_into(budget(10_000.0), [one])
    assert one.epochs == 5


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


def test_below_two_epochs_it_is_dropped_and_the_next_may_still_run():
    slow, quick = tuned("slow.v1", per_epoch=100.0), tuned("quick.v1", fixed=1.0, per_epoch=1.0)
    fit_into(budget(100.0), [slow, quick])
    assert slow.why_dropped == (
        "it needs about 250 s and 100 s of the 125 s are left for it; give more time with --budget"
    )
    assert quick.epochs == 5


def test_a_method_that_needs_more_epochs_says_so():
    one = tuned(method=Demanding(epochs=6), fixed=0.0)
    fit_into(budget(3 * 10.0 * SAFETY + 1.0), [one])
    assert "needs about 46 s" in one.why_dropped


def test_epochs_set_below_what_a_method_needs_are_a_fault_and_no_lack_of_time():
    with pytest.raises(SettingsError, match=r"epochs is 3, and tuned\.v1 needs 4 passes") as caught:
        fit_into(budget(10_000.0), [tuned(method=Demanding(epochs=3))])
    assert "--budget" not in str(caught.value)


def test_what_does_not_fit_into_memory_is_dropped_first():
    large, small = frozen("large.v1"), frozen("small.v1")
    large.memory_bytes, small.memory_bytes = 12 * GB, 1 * GB
    fit_into(budget(30.0, memory=8 * GB), [large, small])
    assert large.why_dropped.startswith("it needs about 12.0 GB and 8.0 GB are free")
    assert small.runs  # What was dropped takes no time.


def test_what_cannot_run_takes_nothing():
    failed, dropped, last = frozen("a.v1"), frozen("b.v1"), frozen("c.v1", 20.0)
    failed.why_failed, dropped.why_dropped = "a bug", "no extra"
    fit_into(budget(20.0), [failed, dropped, last])
    assert last.runs


def test_a_resumed_run_recalls_everything_but_the_method():
    one = tuned()
    fit_into(budget(100.0), [one])
    again = tuned()
    again.recall({**one.facts(), "of_a_later_version": 1})
    assert again.facts() == one.facts()
    assert again.method is not None
