"""Which methods are of which task, and what a mistyped one is told."""

import pytest

from metier.data import read
from metier.errors import CallError, UnknownNameError
from metier.selection.decisions import decide, suits_task
from metier.selection.settings import check_settings

ROWS = [("a card", "card"), ("a rate", "rate")] * 5


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("encodr", "encoder.v1"),
        ("tfidf", "tfidf_linear.v1"),
        ("frozen_liner", "frozen_linear.v1"),
        ("xyz", None),
    ],
)
def test_a_mistyped_candidate_gets_the_nearest_of_its_task_and_no_list_of_all(name, nearest):
    with pytest.raises(UnknownNameError) as found:
        decide(read(ROWS), check_settings({"candidates": (name,)}))
    said = str(found.value)
    assert (f"Did you mean {nearest!r}?" in said) == (nearest is not None)
    assert said.endswith("See all with: metier methods --task classification")
    assert "reader.v1" not in said


def test_a_method_of_another_task_is_refused_by_name():
    with pytest.raises(CallError, match=r"crf\.v1 is a method of ner, and the task is classification"):
        decide(read(ROWS), check_settings({"candidates": ("crf",)}))


def test_a_method_is_of_the_tasks_that_state_it():
    assert suits_task("crf.v1", "ner") is True
    assert suits_task("crf.v1", "classification") is False
    assert suits_task("ordinal_logistic.v1", "classification") is True  # A grade is a label, too.
    assert suits_task("average.v1", "classification") is True
    assert suits_task("vote.v1", "classification") is False
