import math

import pytest

from metier.training.training_watch import EXPLODED_STEPS, VANISHED_STEPS, WINDOW, TrainingWatch


def steps(losses, norms=None):
    watch = TrainingWatch()
    norms = [1.0] * len(losses) if norms is None else norms
    return [watch.after_step(loss, norm) for loss, norm in zip(losses, norms, strict=True)]


def test_a_loss_that_falls_with_noise_is_left_alone():
    losses = [2.0 * 0.97**step * (1 + 0.3 * math.sin(step)) + 0.02 for step in range(400)]
    assert set(steps(losses)) == {None}


def test_a_loss_that_rises_above_where_it_began_is_divergence():
    falling, rising = [1.0 - 0.01 * step for step in range(60)], [0.4 * 1.1**step for step in range(40)]
    assert "divergence" in steps([*falling, *rising])


def test_a_loss_that_rises_and_stays_below_its_beginning_is_none():
    assert "divergence" not in steps([*[3.0] * WINDOW, *[0.5] * WINDOW, *[2.0] * WINDOW])


def test_losses_far_above_the_first_are_divergence_before_a_mean_is_known():
    assert steps([1.0, 20.0, 50.0, 1e9, 1e12, 1e20])[-1] == "divergence"
    assert set(steps([1.0, 20.0, 1.0, 20.0, 1.0, 20.0])) == {None}


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_divergence(loss):
    assert steps([1.0, loss])[-1] == "divergence"


def test_gradients_explode_when_several_in_succession_do():
    usual, once = [1.0] * 50, [1e4]
    assert steps([1.0] * 51, [*usual, *once])[-1] is None
    assert steps([1.0] * (50 + EXPLODED_STEPS), [*usual, *once * EXPLODED_STEPS])[-1] == "exploding_gradients"
    assert steps([1.0], [math.inf])[-1] == "exploding_gradients"


def test_gradients_vanish_where_there_is_still_a_loss_and_it_is_said_once():
    found = steps([1.0] * 60, [1e-9] * 60)
    assert found.count("vanishing_gradients") == 1
    assert found.index("vanishing_gradients") == VANISHED_STEPS - 1
    assert set(steps([0.001] * 60, [1e-9] * 60)) == {None}


def test_epochs_that_are_no_better_are_a_plateau():
    watch = TrainingWatch()
    assert [watch.after_epoch(loss) for loss in (1.0, 0.9, 0.9, 0.9, 0.9)] == [
        None,
        None,
        None,
        None,
        "plateau",
    ]
    assert watch.after_epoch(0.9) is None  # The rate was halved: it is given time.
    assert [TrainingWatch().after_epoch(0.01) for _ in range(6)] == [None] * 6
