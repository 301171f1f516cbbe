import numpy as np

from metier.predictors.constant import ConstantPredictor


def test_answers_the_same_to_every_text():
    predictor = ConstantPredictor(probabilities=[0.2, 0.8], labels=["a", "b"], name="majority.v1")
    answers = predictor.predict(["one", "", "三"])
    np.testing.assert_array_equal(answers.probabilities, [[0.2, 0.8]] * 3)
    assert answers.predicted == ["b", "b", "b"]
    assert len(predictor.predict([])) == 0


def test_saved_then_loaded_answers_alike(tmp_path):
    predictor = ConstantPredictor(probabilities=[1 / 3, 2 / 3], labels=["a", "乙"], name="majority.v1")
    predictor.save(tmp_path)
    loaded = ConstantPredictor.load(tmp_path)
    assert (loaded.labels, loaded.name) == (("a", "乙"), "majority.v1")
    np.testing.assert_array_equal(loaded.shares, predictor.shares)


def test_a_set_holds_what_more_than_half_of_the_rows_had(tmp_path):
    ConstantPredictor(
        probabilities=[0.8, 0.3, 0.5],
        labels=["a", "b", "c"],
        name="label_frequencies.v1",
        kind="constant_labels.v1",
    ).save(tmp_path)
    answers = ConstantPredictor.load(tmp_path).predict(["one", "two"])
    assert answers.predicted == [["a", "c"]] * 2
    assert answers.record(0)["labels"] == {"a": 0.8, "c": 0.5}
