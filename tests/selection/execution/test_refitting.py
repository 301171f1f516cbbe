"""What a refit takes, and how many of the rows it may have."""

import pytest

from metier.runs.run_folder import Entry
from metier.selection.execution.refitting import REFIT_MARGIN, WORTHWHILE_GROWTH, RefitCost


def entry(**facts):
    return Entry("encoder.v1", **{"train_seconds": 120.0, "export_seconds": 20.0, **facts})


def test_rows_grow_and_the_export_does_not():
    cost = RefitCost.of(entry(), growth=1.25, measuring=3.0)
    assert cost.seconds() == pytest.approx(100.0 * 1.25 * REFIT_MARGIN + 20.0 + 3.0)


def test_what_a_clock_ends_needs_no_margin():
    assert RefitCost.of(entry(), growth=1.25, has_clock=True).seconds() == pytest.approx(100.0 * 1.25 + 20.0)


def test_the_choice_of_the_precision_is_not_made_again():
    chosen = entry(facts={"export": {"choosing_seconds": 15.0}})
    assert RefitCost.of(chosen, growth=1.0, has_clock=True).seconds() == pytest.approx(100.0 + 5.0)


def test_only_the_passes_up_to_the_best_are_made_again():
    stopped = entry(params={"stop_epoch": 3}, facts={"epochs": [{"epoch": n} for n in range(1, 6)]})
    assert RefitCost.of(stopped, growth=1.0, has_clock=True).seconds() == pytest.approx(60.0 + 20.0)


def test_what_has_seen_a_part_of_the_rows_is_refitted_on_as_many_as_fit():
    cost = RefitCost.of(entry(fraction=0.2), growth=1.25, has_clock=True)
    whole = 100.0 / 0.2 * 1.25
    assert cost.fraction(whole + 20.0) == 1.0
    assert cost.fraction(whole / 2 + 20.0) == 0.5
    # Next to what it has seen already, 16 % of all, a refit on little more would be for nothing.
    assert cost.fraction(whole * 0.16 * (WORTHWHILE_GROWTH - 0.05) + 20.0) == 0.0


def test_what_has_seen_all_training_rows_is_refitted_on_all_rows_or_not_at_all():
    cost = RefitCost.of(entry(), growth=1.25, has_clock=True)
    assert cost.fraction(100.0 * 1.25 + 20.0) == 1.0
    assert cost.fraction(100.0 * 1.25 + 19.0) == 0.0
