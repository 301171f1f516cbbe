import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from metier.errors import MissingSideError
from metier.tasks.estimators import Classifier, LabelSetMethod, PairClassifier, TextMethod


class Lengths(Classifier):
    """Says `long` of what has more characters, the more so the more there are."""

    def fit(self, X, y=None):
        self.classes_ = np.array(["long", "short"])
        return self

    def _probabilities(self, items):
        long = np.array([len("".join(item)) / 10 for item in items])
        return np.column_stack([long, 1 - long])


class PairLengths(Lengths, PairClassifier):
    """The same of two texts."""


def test_the_most_probable_label_is_the_answer():
    method = Lengths().fit(["a"])
    assert np.allclose(method.predict_proba(["ab", "abcdefgh"]), [[0.2, 0.8], [0.8, 0.2]])
    assert method.predict(["ab", "abcdefgh"]).tolist() == ["short", "long"]


@pytest.mark.parametrize("ask", ["predict", "predict_proba"])
def test_nothing_answers_before_it_is_fitted(ask):
    with pytest.raises(NotFittedError):
        getattr(Lengths(), ask)(["ab"])


def test_items_are_checked_before_they_are_answered():
    with pytest.raises(TypeError, match="Put it in a list"):
        Lengths().fit(["a"]).predict("one text")
    with pytest.raises(MissingSideError):
        PairLengths().fit([("a", "b")]).predict([{"text": "a", "text_pair": ""}])


def test_pairs_are_read_as_pairs():
    assert PairLengths().fit([("a", "b")]).predict([("abc", "defgh"), ("a", "b")]).tolist() == ["long", "short"]


def test_scikit_learn_is_told_what_is_read():
    texts, pairs, sets = get_tags(Lengths()), get_tags(PairLengths()), get_tags(LabelSetMethod())
    assert texts.input_tags.string
    assert not texts.input_tags.two_d_array
    assert texts.estimator_type == "classifier"
    assert pairs.input_tags.dict
    assert not pairs.input_tags.string
    assert sets.target_tags.multi_output
    assert get_tags(TextMethod()).estimator_type is None
