"""What is measured of a base before it is trained, and when it is not measured again."""

from types import SimpleNamespace

import pytest

from metier.bases.known_bases import cutter_of, resolve_base
from metier.tasks.method_contract import measured_within
from metier.training import training_cost
from metier.training.heads.linear_probe import probe_bytes, probe_seconds
from metier.training.training_cost import measure_training

TEXTS = [f"the card number {n} never came to shop {n % 7}" + " at all" * (n % 5) for n in range(120)]


@pytest.fixture
def steps(monkeypatch):
    """Count the batches that were timed, each call of it an item."""
    counted, original = [], training_cost._time_steps

    def counting(*arguments):
        seconds, activations = original(*arguments)
        counted.append(len(seconds))
        return seconds, activations

    monkeypatch.setattr(training_cost, "_time_steps", counting)
    training_cost._KNOWN.clear()
    return counted


@pytest.fixture
def ids(tiny_base):
    base = resolve_base(str(tiny_base), language="en")
    return base, cutter_of(base).first(TEXTS)


def cost(ids, **options):
    base, rows = ids
    return measure_training(base, rows, n_classes=2, token_budget=options.pop("token_budget", 256), **options)


def test_three_batches_are_timed_after_one_that_is_not(ids, steps):
    assert cost(ids).seconds_per_epoch > 0
    assert steps == [4]


def test_without_time_the_first_batch_has_to_do(ids, steps):
    with measured_within(0.0):
        found = cost(ids)
    assert steps == [1]
    assert found.seconds_per_epoch > 0
    assert found.memory_bytes > 0


def test_another_candidate_takes_the_same_passes_for_known(ids, steps):
    first, again = cost(ids), cost(ids)
    assert (steps, first.seconds_per_epoch) == ([4], again.seconds_per_epoch)
    cost(ids, adaptation="top:1")
    assert len(steps) == 2


def test_a_machine_is_measured_again_after_a_while(ids, steps, monkeypatch):
    monkeypatch.setattr(training_cost, "KNOWN_FOR_SECONDS", -1.0)
    cost(ids)
    cost(ids)
    assert len(steps) == 2


def test_larger_batches_take_more_memory_and_are_not_passed_for_it(ids, steps, monkeypatch):
    monkeypatch.setattr(training_cost, "MEASURED_TOKENS", 128)
    held = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=0))
    monkeypatch.setattr(training_cost.psutil, "Process", lambda: held)
    small, large = cost(ids, token_budget=128), cost(ids, token_budget=1024)
    assert len(steps) == 1
    assert large.memory_bytes > small.memory_bytes


def test_a_head_costs_as_much_as_rows_times_labels():
    few, many = (
        [f"label {n % n_labels}" for n in range(2_000)] * (1 + (n_labels > 2)) for n_labels in (2, 2_000)
    )
    assert probe_bytes(many) == 2_000 * probe_bytes(few)
    assert probe_seconds(many, 64) > 20 * probe_seconds(few, 64) > 0


@pytest.mark.parametrize("targets", [None, [1.0, 2.0], [["a"], ["b"]]])
def test_what_is_no_label_has_no_such_head(targets):
    assert (probe_seconds(targets, 64), probe_bytes(targets)) == (0.0, 0)
