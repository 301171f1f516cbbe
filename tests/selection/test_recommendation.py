import numpy as np

from metier.selection.recommendation import Contestant, recommend


def answers(truth, wrong, *, rng):
    predicted = truth.copy()
    rows = rng.choice(len(truth), size=wrong, replace=False)
    predicted[rows] = (predicted[rows] + 1) % 5
    return predicted


def field(n_rows, **candidates):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, n_rows)
    return truth, [
        Contestant(name, answers(truth, wrong, rng=rng), latency)
        for name, (wrong, latency) in candidates.items()
    ]


def test_the_cheapest_level_candidate_is_shipped():
    truth, contestants = field(1000, floor=(800, 0.01), linear=(90, 0.2), cascade=(62, 0.4), average=(60, 3.0))
    chosen = recommend(contestants, truth)
    assert (chosen.name, chosen.best) == ("cascade", "average")
    assert "level with the best (average" in chosen.sentence
    assert any(reason.startswith("linear is 3.0 points below") for reason in chosen.reasons)


def test_the_best_is_shipped_when_everything_cheaper_is_shown_to_be_worse():
    truth, contestants = field(2000, linear=(200, 0.2), encoder=(100, 2.0))
    chosen = recommend(contestants, truth)
    assert chosen.name == "encoder"
    assert "nothing cheaper is level" in chosen.sentence


def test_few_rows_do_not_make_the_floor_level():
    # 40 rows: 26 against 30 right is not shown to be different, but it is ten points.
    truth, contestants = field(40, floor=(14, 0.01), linear=(10, 0.2))
    assert recommend(contestants, truth).name == "linear"


def test_a_difference_of_the_clock_does_not_decide():
    truth, contestants = field(1000, a=(65, 1.00), b=(60, 1.05))
    assert recommend(contestants, truth).name == "b"


def test_macro_f1_decides_where_it_is_the_metric():
    truth = np.array([0] * 950 + [1] * 50)
    always_zero, finds_ones = np.zeros(1000, dtype=int), truth.copy()
    finds_ones[:60] = 1  # Less accurate by a point, far better on the rare label.
    contestants = [Contestant("lazy", always_zero, 0.1), Contestant("finder", finds_ones, 1.0)]
    assert recommend(contestants, truth, metric="macro_f1").name == "finder"
