"""What is particular to a kind of question or answer stands in its file: no other package has a table of kinds."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest

import metier
from metier.bundles.manifest import TaskFacts
from metier.data.rows import INPUT_ROLES, TARGET_ROLES
from metier.errors import SettingsError, UnknownNameError
from metier.serving.messages import OneAnswer
from metier.tasks.answers import ANSWERS
from metier.tasks.classification import Classification
from metier.tasks.inputs import INPUTS, input_of
from metier.tasks.multi_label import MultiLabel
from metier.tasks.task_check import check_task
from metier.tasks.task_table import ALIASES, TASKS, alias_note, known_task, load_task, task_name

ROOT = Path(metier.__file__).parent
# Names of one word mean other things as well: a column is a label, a function writes a text.
ROLES = (*INPUT_ROLES, *TARGET_ROLES)
# Roles of columns are no kinds, and plain words none either.
NAMES = {*TASKS, *ALIASES, *ANSWERS, *INPUTS} - {*ROLES, "grade", "pair"}
SEVERAL = 3
RECORDS = {
    "several": (
        {"tasks": {"classification": {"label": "yes", "probability": 0.9}, "ner": {"spans": []}}},
        "classification: yes; ner: " + ANSWERS["spans"].shown({"spans": []}),
    ),
    "label": ({"label": "refund", "probability": 0.9}, "refund"),
    "relation": ({"label": "owns", "probability": 0.9}, "owns"),
    "grade": ({"label": "4", "probability": 0.9}, "4"),
    "label_set": ({"labels": {"bus": 0.9, "taxi": 0.7}, "none": False}, "bus, taxi"),
    "score": ({"score": 3.14159, "low": 2.5, "high": 4.0}, "3.14 [2.5, 4]"),
    "spans": ({"spans": [{"text": "Acme", "label": "ORG"}]}, "Acme = ORG"),
    "triples": (
        {
            "spans": [
                {"text": "Acme", "label": "ORG"},
                {"text": "Ann", "label": "PER"},
                {"text": "X", "label": "ORG"},
            ],
            "relations": [{"head": 1, "tail": 0, "label": "leads", "head_text": "Ann", "tail_text": "Acme"}],
        },
        "Ann → leads → Acme; X = ORG",
    ),
    "passage_answer": (
        {"answer": "", "start": None, "end": None, "probability": 0.7},
        "no answer in the passage",
    ),
    "ranking": ({"matches": [{"text": "the answer", "score": 0.5}]}, "the answer (0.50)"),
    "written_text": ({"text": "a summary"}, "a summary"),
    "transcript": ({"text": "what was said"}, "what was said"),
}


def tables_of_names(path):
    """Literals of a module whose keys or members are names of several tasks or kinds."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            members = node.keys
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            members = node.elts
        else:
            continue
        found = {one.value for one in members if isinstance(one, ast.Constant) and one.value in NAMES}
        if len(found) >= SEVERAL:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {', '.join(sorted(found))}"


def compared_names(path):
    """Comparisons of a module with the name of a task."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        named = {
            one.value for one in sides if isinstance(one, ast.Constant) and one.value in {*TASKS, *ALIASES}
        }
        if named:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {', '.join(named)}"


def outside_tasks():
    return [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] != "tasks"]


def test_no_other_room_has_a_table_of_kinds_or_tasks():
    assert [found for path in outside_tasks() for found in tables_of_names(path)] == []


def test_the_search_for_tables_finds_the_one_there_is():
    assert list(tables_of_names(ROOT / "tasks" / "task_table.py"))


def test_no_other_room_asks_which_task_it_is():
    # A line of `check` leaves the plain case out; other programs' files have words of their own.
    rooms = [path for path in outside_tasks() if "importers" not in path.parts and path.name != "check.py"]
    assert [found for path in rooms for found in compared_names(path)] == []


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_of_kinds_that_stand_in_the_tables(name):
    kind = load_task(name)
    assert TASKS[name].answer == kind.answer.name
    assert ANSWERS[kind.answer.name] is kind.answer


@pytest.mark.parametrize("name", ANSWERS)
def test_a_record_of_every_kind_is_shown_in_the_terminal_and_over_http(name):
    record, shown = RECORDS[name]
    assert ANSWERS[name].shown(record) == shown
    assert set(record) == set(ANSWERS[name].record)
    OneAnswer.model_validate(record | {"answered_by": "a.v1", "prediction_id": "01a2"})
    assert set(record) <= set(OneAnswer.model_fields)


@pytest.mark.parametrize("name", INPUTS)
def test_the_example_of_every_kind_can_be_asked(name):
    kind = INPUTS[name]
    assert kind.fault(kind.example) is None
    [item] = kind.read([kind.example])
    assert bool(kind.texts([item])) == kind.has_texts
    assert kind.shown(kind.example)
    assert json.loads(json.dumps(kind.example)) == kind.example


def test_of_a_long_ranking_the_first_texts_are_shown():
    record = {"matches": [{"text": letter, "score": 0.5} for letter in "abcde"]}
    assert ANSWERS["ranking"].shown(record) == "a (0.50); b (0.50); c (0.50); 2 more with --json"


def test_a_ranking_is_right_where_the_first_text_answers():
    assert ANSWERS["ranking"].is_right(["a", "b"], ["b", "x"])
    assert not ANSWERS["ranking"].is_right(["a"], ["x", "a"])
    assert not ANSWERS["ranking"].is_right(["a"], [])


def test_an_answer_from_a_passage_is_right_word_for_word_and_none_is_right_where_there_is_none():
    is_right = ANSWERS["passage_answer"].is_right
    assert is_right([{"text": "Acme", "start": 0}], "acme")  # As SQuAD counts: case does not.
    assert not is_right([{"text": "Acme", "start": 0}], "Acme Ltd")
    assert is_right([], "")
    assert not is_right([], "Acme")


def test_parts_are_held_out_with_every_label_in_both():
    answer = ANSWERS["label"]
    examples = answer.check([str(n) for n in range(60)], ["a", "b", "c"] * 20)
    kept, held = answer.held_out(examples, random_state=0)
    assert len(kept) + len(held) == 60
    assert set(kept.truth.tolist()) == set(held.truth.tolist()) == {0, 1, 2}


@pytest.mark.parametrize(("old", "new"), ALIASES.items())
def test_an_old_name_leads_to_the_task_and_says_so(old, new):
    assert known_task(old) is TASKS[new]
    assert task_name(old) == new == load_task(old).name
    assert alias_note(old) == f"task = {new}: {old} is its old name"
    assert alias_note(new) is None


def test_a_manifest_with_an_old_name_has_its_kinds():
    facts = TaskFacts(name="answering", labels=(), input_keys=("question", "passage"))
    assert (facts.name, facts.answer_kind.name, facts.input_kind.name) == (
        "extractive_qa",
        "passage_answer",
        "question",
    )


def test_a_manifest_of_a_task_that_is_not_installed_says_by_itself_what_it_answers():
    assert TaskFacts(name="urgency", labels=("a", "b"), answer="label").answer_kind is ANSWERS["label"]
    with pytest.raises(UnknownNameError, match="urgency"):
        TaskFacts(name="urgency", labels=("a", "b")).answer_kind  # noqa: B018


def test_keys_that_no_kind_has_are_refused():
    with pytest.raises(UnknownNameError, match="smell"):
        input_of(("smell",))


def test_every_task_we_have_is_whole():
    for task in (Classification(("a", "b")), MultiLabel(("a", "b"))):
        check_task(task)


def test_a_task_that_could_not_be_measured_or_sealed_is_found_before_any_work():
    class Broken(Classification):
        metrics = ("accuracy", "niceness")

    with pytest.raises(SettingsError, match="niceness") as caught:
        check_task(Broken(("a", "b"), "speed"))
    assert "its primary metric 'speed' is not one of its metrics" in str(caught.value)


def test_what_is_answered_without_labels_has_no_space():
    found = ANSWERS["score"].check(["a", "b"], [1, 2.5])
    assert found.labels.size == 0
    np.testing.assert_array_equal(found.truth, [1.0, 2.5])
