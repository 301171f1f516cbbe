"""Behaviour tests: edits keep the meaning, flips are counted right, and tests that were written hold what they say."""

import json

import numpy as np
import pytest

from metier.assurance.behaviour.adversarial import adversarial_result
from metier.assurance.behaviour.asking import same_answer
from metier.assurance.behaviour.edits import EDITS
from metier.assurance.behaviour.invariance import invariance_results
from metier.assurance.behaviour.meaning import keeps_meaning, meaning_bearing, vocabulary
from metier.assurance.behaviour.written_tests import read_tests
from metier.cli import program
from metier.errors import CallError
from metier.tasks.answer_batches import Answers
from metier.text.offsets import Edit, apply_edits

NAMED = {edit.name: edit for edit in EDITS}
RANDOM = np.random.default_rng(0)


class Rule:
    """A model that answers by a rule, so that what an edit does to it is known."""

    name, input_keys = "rule.v1", ("text",)

    def __init__(self, rule, labels=("no", "yes")):
        self.rule, self.labels = rule, labels

    def predict(self, items):
        sure = np.array([[0.1, 0.9] if self.rule(text) else [0.9, 0.1] for text in items])
        return Answers(sure, self.labels, (self.name,) * len(items))


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("case", "Where is my card?", "WHERE IS MY CARD?"),
        ("punctuation", "My card is lost.", "My card is lost"),
        ("punctuation", "My card is lost", "My card is lost."),
        ("punctuation", "卡丢了", "卡丢了。"),
        ("punctuation", "Where is it?", None),
        ("full_width", "我的A1卡", "我的Ａ１卡"),
        ("full_width", "my A1 card", None),
    ],
)
def test_an_edit_does_what_it_says(name, text, changed):
    edits = NAMED[name].make(text, (), np.random.default_rng(0))
    assert (apply_edits(text, edits) if edits else None) == changed


def test_names_and_numbers_become_others():
    edits = NAMED["names"].make("Ask Mary about Markets and Mark.", (), np.random.default_rng(1))
    edited = apply_edits("Ask Mary about Markets and Mark.", edits)
    assert "Markets" in edited
    assert "Mary" not in edited
    assert "Mark." not in edited
    number = apply_edits("I paid 330 for 1", NAMED["numbers"].make("I paid 330 for 1", (), RANDOM))
    assert number != "I paid 330 for 1"
    assert number.endswith(" for 1")
    assert len(number) == len("I paid 330 for 1")


@pytest.mark.parametrize(
    ("text", "kept"),
    [("I did not pay 20", ["not", "20"]), ("没有收到三十元", ["没", "有", "三十"]), ("Where is my card", [])],
)
def test_words_that_carry_meaning_are_kept(text, kept):
    found = [text[slice(*pair)] for pair in meaning_bearing(text)]
    assert [one for one in kept if one not in found and one != "有"] == []
    assert "card" not in found


def test_an_edit_that_makes_another_word_of_the_rows_is_none():
    known = vocabulary(["the form is from me"])
    assert not keeps_meaning("from here", [Edit(1, 3, "or")], known)
    assert keeps_meaning("from here", [Edit(1, 3, "ro"), Edit(5, 6, "hh")], known)


def test_only_flips_of_the_answer_count():
    texts = [f"Where is card number {n}" for n in range(40)]
    shouts = Rule(str.isupper)
    found = {one.name: one for one in invariance_results(shouts, texts)}
    assert found["case"].figure.value == 1
    assert found["punctuation"].figure.value == 0
    assert len(found["case"].cases) == 40
    assert found["homophones"].figure is None
    assert found["homophones"].left_out == 40


def test_spans_may_move_with_the_text():
    same = same_answer([[[0, 4, "PER"]]])
    assert same([[5, 9, "PER"]], [[6, 10, "PER"]], [Edit(0, 0, " ")])
    assert not same([[5, 9, "PER"]], [[5, 9, "PER"]], [Edit(0, 0, " ")])
    assert not same([[5, 9, "PER"]], [[6, 10, "LOC"]], [Edit(0, 0, " ")])


def test_numbers_are_the_same_where_they_are_near():
    same = same_answer([1.0, 5.0, 3.0, 9.0])
    assert same(3.0, 3.2, ())
    assert not same(3.0, 6.0, ())


def test_a_search_finds_the_word_that_an_answer_hangs_on():
    found = adversarial_result(
        Rule(lambda text: "refund" in text), ["please give my refund now", "hello there friend"]
    )
    turned, held = found.cases
    assert not turned.passed
    assert (turned.expected, turned.found) == ("yes", "no")
    assert "refund" not in turned.after
    assert held.passed


TESTS = """
tests:
  - name: arrivals
    kind: minimum
    template: "my {thing} has not arrived"
    fill: {thing: [card, new card]}
    label: card_arrival
  - name: asked twice
    kind: invariance
    pairs: [["what is the exchange rate", "which exchange rate do you have"]]
  - name: more of it
    kind: direction
    texts: ["where is my card"]
    add: ", my card has not arrived"
    label: card_arrival
    change: up
"""


@pytest.fixture
def tests_file(tmp_path):
    def write(text):
        (tmp_path / "tests.yaml").write_text(text, encoding="utf-8")
        return tmp_path / "tests.yaml"

    return write


def test_written_tests_run_from_the_command_line(small_runs, tests_file, tmp_path, capsys):
    command = ["test", str(small_runs / "runs" / "en"), str(small_runs / "en-test.csv")]
    more = ["--tests", str(tests_file(TESTS)), "--output", str(tmp_path / "cases.json"), "--only", "typos,case"]
    assert program.run([*command, *more]) == 0
    shown = capsys.readouterr().out
    for name in ("invariance.typos", "minimum.arrivals", "direction.more of it", "invariance.asked twice"):
        assert name in shown
    facts = json.loads((tmp_path / "cases.json").read_text("utf-8"))
    arrivals = next(one for one in facts["tests"] if one["name"] == "arrivals")
    assert [case["after"] for case in arrivals["cases"]] == [
        "my card has not arrived",
        "my new card has not arrived",
    ]
    assert all(case["passed"] for case in arrivals["cases"])


def test_chinese_rows_and_another_domain(small_runs, capsys):
    command = ["test", str(small_runs / "runs" / "zh"), str(small_runs / "zh-test.csv"), "--json"]
    assert program.run([*command, "--shift", str(small_runs / "zh-train.csv")]) == 0
    facts = json.loads(capsys.readouterr().out)
    cases = {one["name"]: len(one["cases"]) for one in facts["tests"]}
    assert min(cases["homophones"], cases["shapes"], cases["script"]) > 60
    shift = facts["shift"]
    assert shift["difference"]["value"] == pytest.approx(shift["there"]["value"] - shift["here"]["value"])


def test_a_policy_asks_for_behaviour(small_runs, tests_file, tmp_path, capsys):
    policy = tmp_path / "policy.yaml"
    tests_file(TESTS)
    policy.write_text(
        f"rows: {small_runs / 'en-test.csv'}\ntests: tests.yaml\nconditions:\n"
        "  - invariance.case.failure <= 0.2\n  - minimum.arrivals.failure <= 0.99\n",
        encoding="utf-8",
    )
    program.run(["gate", str(small_runs / "runs" / "en"), "--policy", str(policy), "--json", "--no-seal"])
    first, second = json.loads(capsys.readouterr().out)["conditions"]
    assert first["verdict"] == "pass"
    assert (second["rows"], second["value"]) == (2, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tests: []\n", "has no list of tests"),
        ("a: [\n", "cannot be read as tests"),
        ("tests:\n  - {name: a, kind: minimum, template: x}\n", "names no label"),
        ("tests:\n  - {name: a, kind: minimum, template: 'the {x}', label: one}\n", "nothing fills x"),
        ("tests:\n  - {name: a, kind: minimum, label: one}\n", "asks nothing"),
        ("tests:\n  - {name: a, kind: minimum, template: x, label: oen}\n", "Did you mean 'one'"),
        ("tests:\n  - {name: a, kind: invariance, pairs: [one]}\n", "list of pairs"),
        ("tests:\n  - {name: a, kind: direction, template: x, label: one}\n", "no text to add"),
        ("tests:\n  - {name: a, kind: sideways}\n", "no kind called 'sideways'"),
        ("tests:\n  - {kind: minimum}\n", "has no name"),
        ("tests:\n  - {name: a, kind: minimum, temlate: x}\n", "Did you mean 'template'"),
        ("tests:\n  - 3\n", "is no mapping"),
    ],
)
def test_a_wrong_file_of_tests_is_refused(tests_file, text, says):
    with pytest.raises(CallError, match=says):
        read_tests(tests_file(text), labels=("one", "two"))
