"""What each strategy chooses, on arrays whose answer is known."""

import numpy as np
import pytest

from metier.continual.queue.strategies import STRATEGIES, Pool, build_strategy, check_can_choose
from metier.errors import CallError, UnknownNameError

LABELS = ("card", "loan", "other")
SURE, TORN, FLAT = [0.98, 0.01, 0.01], [0.49, 0.48, 0.03], [0.34, 0.33, 0.33]


def choose(name, pool, n, seed=0):
    return build_strategy(name)(pool, n, rng=np.random.default_rng(seed))


def pool(*rows, **more):
    return Pool(len(rows), LABELS, np.array(rows), **more)


@pytest.mark.parametrize(
    ("name", "first"), [("least_confidence", 2), ("breaking_ties", 2), ("entropy", 2), ("random", None)]
)
def test_measures_of_uncertainty_order_rows(name, first):
    picks = choose(name, pool(SURE, TORN, FLAT), 3)
    assert sorted(one.row for one in picks) == [0, 1, 2]
    assert first is None or [one.row for one in picks] == [first, 1, 0]


def test_breaking_ties_counts_the_margin_and_least_confidence_the_top():
    # The first row has the smaller margin, the second the lower top.
    rows = pool([0.50, 0.49, 0.01], [0.44, 0.30, 0.26])
    assert choose("breaking_ties", rows, 1)[0].row == 0
    assert choose("least_confidence", rows, 1)[0].row == 1
    assert "'card' (50 %) and 'loan' (49 %)" in choose("breaking_ties", rows, 1)[0].reason


def test_equal_scores_are_ordered_by_chance():
    rows = Pool(50, LABELS, np.tile(TORN, (50, 1)))
    assert {choose("breaking_ties", rows, 1, seed)[0].row for seed in range(20)} != {0}


def gradients(probabilities, vectors):
    """The gradients in full, as the paper writes them."""
    errors = probabilities.copy()
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
    return (errors[:, :, None] * vectors[:, None, :]).reshape(len(errors), -1)


def test_badge_is_k_means_plus_plus_over_the_gradients_written_out():
    rng = np.random.default_rng(4)
    probabilities, vectors = rng.dirichlet(np.ones(3), 60), rng.normal(size=(60, 5)).astype(np.float32)
    own = gradients(probabilities, vectors)
    expected, draws = [int((own**2).sum(axis=1).argmax())], np.random.default_rng(7)
    while len(expected) < 8:
        distances = np.min([((own - own[row]) ** 2).sum(axis=1) for row in expected], axis=0)
        expected.append(int(draws.choice(60, p=distances / distances.sum())))
    found = choose("badge", Pool(60, LABELS, probabilities, vectors), 8, seed=7)
    assert [one.row for one in found] == expected


def test_badge_takes_no_row_twice_and_ends_where_all_are_alike():
    rows = Pool(4, LABELS, np.tile(TORN, (4, 1)), np.ones((4, 2)))
    assert len(choose("badge", rows, 4)) == 1


def test_core_set_covers_what_no_labelled_row_is_near():
    vectors = np.array([[0.0, 0], [0.1, 0], [5, 0], [5, 0.1], [0, 9]])
    picks = choose("core_set", Pool(5, vectors=vectors, known_vectors=np.zeros((1, 2))), 2)
    assert [one.row for one in picks] == [4, 3]
    assert "at distance 9.00" in picks[0].reason


def test_class_balance_asks_for_the_rarest_label():
    rows = pool(SURE, [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], known_counts=np.array([9, 9, 1]))
    assert choose("class_balance", rows, 1)[0].row == 2
    taken = choose("class_balance", pool(*[SURE] * 8, known_counts=np.array([4, 0, 0])), 6)
    assert {"'loan'", "'other'"} == {one.reason.split()[3] for one in taken}


def test_disagreement_gives_only_rows_to_which_answers_differ():
    one, other = np.array([SURE, TORN, FLAT]), np.array([SURE, TORN[::-1], [0.33, 0.34, 0.33]])
    picks = choose("disagreement", Pool(3, LABELS, one, members=(one, other)), 3)
    assert [one.row for one in picks] == [1, 2]
    assert "'card' / 'other'" in picks[0].reason


def test_novelty_finds_what_is_far_from_the_training_rows():
    rng = np.random.default_rng(0)
    known = rng.normal(size=(200, 4))
    vectors = np.vstack([rng.normal(size=(20, 4)), np.full((1, 4), 6.0)])
    picks = choose("novelty", Pool(21, vectors=vectors, known_vectors=known), 2)
    assert picks[0].row == 20
    assert "100 % of them" in picks[0].reason


def test_out_of_scope_gives_nothing_within_the_cut():
    rows = Pool(3, scope_scores=np.array([0.2, 3.0, 1.5]), scope_cut=1.0)
    assert [one.row for one in choose("out_of_scope", rows, 3)] == [1, 2]


def test_feedback_begins_where_the_model_was_surest():
    rows = pool(SURE, TORN, FLAT, feedback=["", "wrong", "wrong"])
    assert [one.row for one in choose("feedback", rows, 3)] == [1, 2]


def test_the_first_batch_has_every_label():
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([20, 1, 1], 300)
    picks = choose("stratified", Pool(300, LABELS, probabilities), 6)
    best = [LABELS.index(one.reason.split("'")[1]) for one in picks]
    assert sorted(best) == [0, 0, 1, 1, 2, 2]


def test_without_a_model_the_first_batch_is_spread_over_the_texts():
    centres = np.repeat(np.eye(4) * 50, 25, axis=0)
    vectors = centres + np.random.default_rng(2).normal(size=centres.shape)
    assert {one.row // 25 for one in choose("stratified", Pool(100, vectors=vectors), 4)} == {0, 1, 2, 3}


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_is_missing_is_said(name):
    if STRATEGIES[name].needs:
        with pytest.raises(CallError, match=f"The strategy {name} needs "):
            check_can_choose(name, Pool(3, LABELS))


def test_an_unknown_strategy_is_named():
    with pytest.raises(UnknownNameError, match="Did you mean"):
        build_strategy("breaking_tie")
