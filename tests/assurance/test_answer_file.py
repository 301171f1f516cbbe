"""Which column of a file holds answers, and how its cells become answers of a task."""

import json

import numpy as np
import pytest

from metier.assurance.answer_file import read_answer_file
from metier.errors import BrokenValueError, DataError, MissingColumnError
from metier.tasks.answers import LABEL, LABEL_SET, PASSAGE_ANSWER, RANKING, SCORE, SPANS, WRITTEN_TEXT


@pytest.fixture
def file(tmp_path):
    def written(records):
        path = tmp_path / "answers.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
        return path

    return written


def test_a_column_of_predictions_counts_before_one_of_labels(file):
    path = file(
        [
            {"text": "a", "label": "x", "Predicted Label": "y"},
            {"text": "b", "label": "x", "Predicted Label": "x"},
        ]
    )
    found = read_answer_file(path, LABEL, asked={"text"})
    assert found.column == "Predicted Label"
    assert found.predicted() == ["y", "x"]
    assert found.notes[-1] == f"answers = Predicted Label of {path} (--prediction)"


def test_the_name_of_the_truth_and_a_named_column(file):
    path = file([{"message": "a", "intent": "x", "second": "z"}])
    assert read_answer_file(path, LABEL, asked={"message"}, truth="intent").column == "intent"
    assert read_answer_file(path, LABEL, named="second").predicted() == ["z"]
    with pytest.raises(MissingColumnError, match="--prediction"):
        read_answer_file(path, LABEL, named="third")
    with pytest.raises(DataError, match="no column that looks like answers; it has: message, intent, second"):
        read_answer_file(path, LABEL, asked={"message"})


@pytest.mark.parametrize(
    ("kind", "cells", "answers"),
    [
        (LABEL, [3, 4.0], ["3", "4"]),
        (LABEL_SET, ["b|a", ""], [["a", "b"], []]),
        (LABEL_SET, [{"b": 0.9, "a": 0.7}, {}], [["a", "b"], []]),
        (SCORE, ["1.5", 2], [1.5, 2.0]),
        (SPANS, [[[4, 6, "PER"], [0, 2, "LOC"]], []], [[[0, 2, "LOC"], [4, 6, "PER"]], []]),
        (SPANS, ['[{"start": 1, "end": 3, "label": "PER"}]', None], [[[1, 3, "PER"]], []]),
        (RANKING, [[{"id": "d2", "score": 0.7}], ["d1", "d2"]], [["d2"], ["d1", "d2"]]),
        (PASSAGE_ANSWER, ["Paris", None], ["Paris", ""]),
        (WRITTEN_TEXT, ["A short text.", "7"], ["A short text.", "7"]),
    ],
)
def test_cells_become_what_the_metrics_take(file, kind, cells, answers):
    found = read_answer_file(file([{"prediction": cell} for cell in cells]), kind)
    assert found.predicted() == answers


@pytest.mark.parametrize(
    ("kind", "cell", "fault"),
    [
        (LABEL, "", "there is no label"),
        (SCORE, "n/a", "it is no finite number"),
        (SPANS, "[[0, 4]]", "it is no list of spans"),
    ],
)
def test_a_cell_that_is_no_answer_is_named_by_its_row(file, kind, cell, fault):
    good = {"label": "x", "score": "1", "spans": "[]"}[kind.name]
    path = file([{"prediction": good}, {"prediction": cell}])
    with pytest.raises(BrokenValueError, match=fault) as error:
        read_answer_file(path, kind).predicted()
    assert "row 2, column 'prediction'" in str(error.value)


def test_columns_of_probabilities_say_the_answer_and_are_checked(file):
    path = file([{"text": "a", "p_x": 0.25, "p_y": 0.75}, {"text": "b", "p_x": 0.6, "p_y": 0.4}])
    found = read_answer_file(path, LABEL, asked={"text"}).stored(("y", "x"))
    assert found.predicted == ["y", "x"]
    assert np.allclose(found.probabilities, [[0.75, 0.25], [0.4, 0.6]])
    mapped = file([{"prediction": "x", "probabilities": {"x": 0.9, "y": 0.1}}])
    assert np.allclose(read_answer_file(mapped, LABEL).stored(("x", "y")).probabilities, [[0.9, 0.1]])
    for wrong, said in (({"p_x": 2.0, "p_y": -1.0}, "is 2, and"), ({"p_x": 0.9, "p_y": 0.9}, "sum to 1.8")):
        with pytest.raises(DataError, match=said):
            read_answer_file(file([{"prediction": "x", **wrong}]), LABEL).stored(("x", "y"))
