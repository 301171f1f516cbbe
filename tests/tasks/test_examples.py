import numpy as np
import pytest

from metier.errors import EmptyDataError, MissingLabelError, TooFewLabelsError, UnknownLabelError
from metier.tasks.answers.label import LABEL
from metier.tasks.examples import Examples
from metier.tasks.inputs import TEXT

KNOWN = Examples((), (), np.array(["a", "b", "c"]))


def test_numbers_the_labels_in_sorted_order():
    examples = LABEL.check(["x", "y", "z"], ["b", "a", "b"])
    assert examples.labels.tolist() == ["a", "b"]
    assert examples.truth.tolist() == [1, 0, 1]
    assert examples.take(np.array([2, 1])).items == ["z", "y"]


def test_validation_rows_are_numbered_as_the_training_rows():
    assert LABEL.check(["x", "y"], ["c", "a"], known=KNOWN).truth.tolist() == [2, 0]
    assert LABEL.check(["x"], ["c"], known=KNOWN).truth.tolist() == [2]
    with pytest.raises(UnknownLabelError, match="1 label that the training rows do not have: 'd'"):
        LABEL.check(["x", "y"], ["a", "d"], known=KNOWN)


def test_numbers_stay_numbers_and_mixed_objects_become_text():
    assert LABEL.check(["x", "y"], np.array([3, 1])).labels.tolist() == [1, 3]
    assert LABEL.check(["x", "y"], np.array(["b", "a"], dtype=object)).labels.dtype.kind == "U"


@pytest.mark.parametrize(
    ("X", "y", "error", "words"),
    [
        (["x", "y"], ["a"], ValueError, "2 texts and 1 labels"),
        (["x", "y"], None, ValueError, "y to be passed"),
        (["x", "y"], [["a"], ["b"]], ValueError, "one dimension"),
        (["x", "y"], ["a", None], MissingLabelError, "first at position 1"),
        (["x", "y"], [1.0, float("nan")], MissingLabelError, "1 of 2 labels"),
        (["x", "y"], ["a", "a"], TooFewLabelsError, "all 2 rows have the label 'a'"),
        ([], [], EmptyDataError, "at least one text"),
        (["x", None], ["a", "b"], TypeError, "position 1, found NoneType"),
        ("xy", ["a", "b"], TypeError, "Put it in a list"),
    ],
)
def test_says_what_is_wrong(X, y, error, words):
    with pytest.raises(error, match=words):
        LABEL.check(TEXT.read(X), y)
