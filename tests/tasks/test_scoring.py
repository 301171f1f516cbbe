"""Numbers that are numbers, items that are texts or pairs, and intervals that hold as often as they say."""

import math

import numpy as np
import pyarrow as pa
import pytest

from metier.data.rows import Roles, Rows
from metier.errors import DataError, MissingSideError, TooFewLabelsError
from metier.evaluation.conformal import half_width
from metier.tasks.answers.score import SCORE, check_numbers
from metier.tasks.inputs import TEXT_OR_PAIR
from metier.tasks.inputs.pair import Pair
from metier.tasks.regression import Regression


def rows_of(**columns):
    roles = {name: name for name in columns if name != "text"}
    return Rows(pa.table(columns), Roles(text="text", **roles), origin="ratings.csv")


def test_items_are_texts_or_pairs_as_the_rows_have_them():
    one = rows_of(text=["good", "bad"], score=[4.5, 1.0])
    task = Regression.from_rows(one)
    assert (task.input_keys, list(task.items(one)), task.targets(one)) == (
        ("text",),
        ["good", "bad"],
        [4.5, 1.0],
    )
    two = rows_of(text=["a", "b"], text_pair=["c", "d"], score=[1.0, 0.0])
    task = Regression.from_rows(two)
    assert task.input_keys == ("text", "text_pair")
    assert task.items(two) == [{"text": "a", "text_pair": "c"}, {"text": "b", "text_pair": "d"}]


def test_a_score_that_is_no_finite_number_is_refused_with_its_row():
    with pytest.raises(DataError, match=r"2 of 4 rows of ratings.csv.*row 2 has nan, row 4 has inf"):
        Regression.from_rows(rows_of(text=list("abcd"), score=[1.0, math.nan, 2.0, math.inf]))
    with pytest.raises(DataError, match=r"row 1 has 'high', row 2 has None, row 3 has True"):
        check_numbers(["high", None, True, "3.5"])
    assert check_numbers(["3.5", 2, np.float32(1)]).tolist() == [3.5, 2.0, 1.0]


def test_scores_that_are_all_the_same_teach_nothing():
    with pytest.raises(TooFewLabelsError, match="score 3"):
        SCORE.check(["a", "b"], [3, 3])
    known = SCORE.check(["a", "b"], [3, 4])
    assert len(SCORE.check(["a", "b"], [3, 3], known=known)) == 2


def test_fit_takes_texts_and_pairs():
    assert TEXT_OR_PAIR.read(["a", "b"]) == ["a", "b"]
    items = TEXT_OR_PAIR.read([{"text": "a", "text_pair": "b"}, ("c", "d")])
    pairs = SCORE.check(items, np.array([1.0, 2.0]))
    assert pairs.items == [Pair("a", "b"), Pair("c", "d")]
    assert TEXT_OR_PAIR.texts(pairs.items) == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="2 items, found 1"):
        SCORE.check(["a", "b"], [1])


def test_predictors_take_texts_and_pairs():
    assert TEXT_OR_PAIR.read(["a", {"text": "b"}, {"text": "c", "text_pair": "d"}, ("e", "f")]) == [
        "a",
        "b",
        ("c", "d"),
        ("e", "f"),
    ]
    with pytest.raises(MissingSideError, match=r"row 1.*'text_pair'"):
        TEXT_OR_PAIR.read([{"text": "a", "text_pair": " "}])


def test_the_half_width_is_the_rank_that_split_conformal_asks_for():
    # 9 errors at 80 %: rank ceil(10 * 0.8) = 8.
    assert half_width(np.array([-9, 1, -2, 3, 4, 5, 6, 7, 8.0]), coverage=0.8) == 8
    assert half_width(np.array([1.0, 2.0]), coverage=0.99) == 2  # Too few for it: the largest.


def test_intervals_hold_as_often_as_they_say_whatever_the_distribution():
    random = np.random.default_rng(0)
    held = [
        np.mean(np.abs(random.standard_cauchy(400)) <= half_width(random.standard_cauchy(99), coverage=0.9))
        for _ in range(300)
    ]
    assert np.mean(held) == pytest.approx(0.9, abs=0.01)
