"""What a run decides reaches every candidate, and what the settings say overrules it."""

import pytest

from metier import catalogue
from metier.data import Splits, read
from metier.runs.run_folder import RunFolder
from metier.selection.candidates import CandidateBuilder
from metier.selection.decisions import decide
from metier.selection.settings import check_settings

GRADES = ["bad", "fair", "good"]


def graded():
    return read([{"text": f"it was a day number {n}", "label": GRADES[n % 3]} for n in range(30)])


def queries():
    rows = [{"text": f"where is card {n}", "text_pair": f"card {n} is in the post"} for n in range(30)]
    return read(rows, text_pair="text_pair")


def builder(rows, tmp_path, *, unlabelled=(), **settings):
    splits = Splits(rows, rows.take(range(6)), rows.take(range(6, 12)), ())
    checked = check_settings(settings)
    decisions = decide(rows, checked).learned_from(splits, checked)
    return CandidateBuilder(RunFolder(tmp_path), checked, decisions, unlabelled)


def test_a_search_on_grades_knows_their_order(tmp_path):
    """Grades in words were compared as numbers, and the order was lost on the way to the method."""
    made = builder(graded(), tmp_path, order=GRADES, search=True, candidates=["majority"])
    searched = made.build(catalogue.SEARCH)
    assert searched.method == "corn_encoder.v1"
    assert searched._plain().order == tuple(GRADES)
    assert searched.metric == made.decisions.task.primary_metric


def test_a_search_among_passages_searches_the_collection(tmp_path):
    made = builder(queries(), tmp_path, task="retrieval", search=True, candidates=["bm25"])
    searched = made.build(catalogue.SEARCH)
    assert searched._plain().collection is made.decisions.task.collection
    # Rows held out are searched from the beginning.
    assert len(made.decisions.task.collection) == 30


def test_a_search_tries_the_method_as_it_is_set(tmp_path, tiny_base):
    methods = {"encoder": {"epochs": 2}}
    made = builder(
        graded(), tmp_path, search=True, adaptation="top:1", base=str(tiny_base), methods=methods,
        candidates=["majority"], random_state=7, task="classification",
    )  # fmt: skip
    plain = made.build(catalogue.SEARCH)._plain()
    assert plain.get_params()["adaptation"] == "top:1"
    assert (plain.base, plain.epochs, plain.random_state) == (str(tiny_base), 2, 7)


def test_the_base_is_found_once_and_handed_over_by_its_name(tmp_path):
    made = builder(graded(), tmp_path, candidates=["frozen_linear", "encoder"])
    assert made.decisions.base == "minilm"
    assert made.build("frozen_linear.v1").base == made.build("encoder.v1").base == "minilm"


def test_what_is_set_for_a_method_overrules_what_the_run_decides(tmp_path):
    made = builder(graded(), tmp_path, random_state=3, methods={"tfidf_linear": {"random_state": 9}})
    assert made.build("tfidf_linear.v1").random_state == 9
    assert made.build("frozen_linear.v1").random_state == 3


def test_unlabelled_rows_reach_only_those_that_learn_from_them(tmp_path):
    made = builder(graded(), tmp_path, unlabelled=("another day",), candidates=["majority"])
    assert made.build("self_training.v1").unlabelled == ("another day",)
    assert "unlabelled" not in made.build("frozen_linear.v1").get_params()


@pytest.mark.parametrize("name", catalogue.METHODS)
def test_what_a_method_states_is_what_its_constructor_takes(name):
    stated, accepted = catalogue.capabilities(name), set(catalogue.resolve(name)._get_param_names())
    if name == catalogue.SEARCH:
        assert "base" in accepted
        return  # It states of itself; the method that is searched states the rest.
    assert stated.needs_base == ("base" in accepted)
    assert stated.takes_adaptation == ("adaptation" in accepted)
    assert stated.takes_objective == ("objective" in accepted)
    assert stated.learns_from_unlabelled == ("unlabelled" in accepted)
    assert stated.is_fine_tuned == ({"epochs", "learning_rate"} <= accepted)
    assert stated.trains_together == ("checkpoint_folder" in accepted)
    assert stated.baseline is None or stated.baseline in catalogue.METHODS
    assert set(stated.made_of) <= set(catalogue.METHODS)
