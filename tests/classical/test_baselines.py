import numpy as np
import pytest

from metier.classical import Majority
from metier.errors import TooFewLabelsError
from metier.predictors import load_predictor


def test_gives_every_text_the_shares_of_training():
    method = Majority().fit(["a", "b", "c", "d"], ["no", "yes", "no", "no"])
    assert method.predict_proba(["anything", ""]).tolist() == [[0.75, 0.25], [0.75, 0.25]]
    assert method.predict(["anything"]).tolist() == ["no"]


def test_exported_then_loaded_answers_alike(tmp_path):
    method = Majority().fit(["a", "b", "c"], ["x", "y", "y"])
    method.export(tmp_path)
    answers = load_predictor(tmp_path).predict(["one", "two"])
    np.testing.assert_array_equal(answers.probabilities, method.predict_proba(["one", "two"]))
    assert (answers.labels, answers.predicted) == (("x", "y"), ["y", "y"])
    assert answers.answered_by == ("majority.v1", "majority.v1")


def test_one_label_only_is_refused():
    with pytest.raises(TooFewLabelsError, match="all 2 rows have the label 'x'"):
        Majority().fit(["a", "b"], ["x", "x"])
