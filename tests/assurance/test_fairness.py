"""Fairness: words of groups are exchanged by the rule, gaps are what they are, and groups of rows are compared."""

import json

import numpy as np
import pytest

import metier
from metier.assurance.fairness.groups import column_parity
from metier.assurance.fairness.substitution import identity_results, simultaneous
from metier.assurance.gating import figures_for, gate
from metier.cli import program
from metier.errors import CallError
from metier.tasks.answer_batches import Answers
from metier.tasks.inputs import TEXT
from metier.text.identity_terms import read_identity_terms

KINDS = {kind.name: kind for kind in read_identity_terms()}


class Rule:
    """A model that answers by a rule, so that the gap is known."""

    name, input_keys, input_kind, labels = "rule.v1", ("text",), TEXT, ("no", "yes")

    def __init__(self, probability):
        self.probability = probability

    def predict(self, items):
        yes = np.array([self.probability(text) for text in items])
        return Answers(np.stack([1 - yes, yes], axis=1), self.labels, (self.name,) * len(items))


@pytest.mark.parametrize(
    ("kind", "text", "group", "other"),
    [
        ("gender", "He lost his card.", "female", "She lost her card."),
        ("gender", "I asked her to bring her book", "male", "I asked him to bring his book"),
        ("gender", "MY SISTER's card", "male", "MY BROTHER's card"),
        ("gender", "她说女儿的卡丢了", "male", "他说儿子的卡丢了"),
        ("religion", "an old Hindu temple, a Hindu", "muslim", "an old Muslim temple, a Muslim"),
        ("nationality", "A Chinese student", "american", "An American student"),
        ("race", "two black customers", "asian", "two Asian customers"),
        ("region", "我是河南人", "shanghai", "我是上海人"),
        ("disability", "一位盲人来电", "deaf", "一位聋人来电"),
    ],
)
def test_words_of_a_group_are_exchanged_together(kind, text, group, other):
    found = KINDS[kind].substituted(text)
    assert found.texts[found.group] == text
    assert found.texts[KINDS[kind].groups.index(group)] == other


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("gender", "he told her"),  # Two groups: nobody could say who is meant.
        ("gender", "the theme of them"),
        ("gender", "其他问题"),
        ("race", "black ink"),
        ("nationality", "Indian food"),
        ("age", "an old card"),
    ],
)
def test_a_text_that_names_no_group_or_two_is_left_out(kind, text):
    assert KINDS[kind].substituted(text) is None


def test_a_planted_gap_is_found_and_none_is_not():
    rows = [f"The {'man' if n % 2 else 'woman'} called {n} times" for n in range(60)] + ["no person here"]
    biased = Rule(lambda text: 0.7 if "woman" in text else 0.4)
    [found] = identity_results(biased, rows, [KINDS["gender"]])
    assert (found.rows, found.left_out) == (60, 1)
    assert found.gap.value == pytest.approx(0.3)
    assert found.gap.low <= 0.3 <= found.gap.high
    assert found.gap.high - found.gap.low < 0.1
    assert found.between[:2] in {("female", "male"), ("male", "female")}
    assert found.flips.value == 1.0
    assert {group.group: group.rows for group in found.groups} == {"male": 30, "female": 30}
    [none] = identity_results(Rule(lambda text: 0.2), rows, [KINDS["gender"]])
    assert (none.flips.value, none.gap.value, none.gap.low) == (0.0, 0.0, 0.0)
    assert 0 < none.gap.high < 0.05  # So few rows do not show that there is none.


def test_simultaneous_ends_hold_together():
    random, held = np.random.default_rng(0), 0
    for trial in range(200):
        low, high = simultaneous(random.normal(size=(40, 12)) * 0.2, 0.95, trial)
        held += bool(np.all((low <= 0) & (high >= 0)))
    assert held >= 182  # 95 % of 200, less three standard errors.


@pytest.fixture(scope="module")
def biased(tmp_path_factory):
    """A model that learned from rows in which one group is rated better, and such rows."""
    folder, random = tmp_path_factory.mktemp("fairness"), np.random.default_rng(0)
    rows = []
    for _ in range(360):
        is_man = bool(random.random() < 0.5)
        label = "good" if random.random() < (0.85 if is_man else 0.15) else "bad"
        said = {"good": ["helpful", "kind", "fine"], "bad": ["rude", "late", "slow"]}[label]
        word = random.choice([*said, "here", "back", "there"])
        rows.append(
            {
                "text": f"{'He' if is_man else 'She'} was {word} today",
                "label": label,
                "sex": "男" if is_man else "女",
            }
        )
    for name, part in (("train", rows[:240]), ("test", rows[240:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
    metier.train(
        folder / "train.jsonl",
        test=folder / "test.jsonl",
        text="text",
        label="label",
        candidates=["tfidf_linear"],
        budget=2,
        run=folder / "run",
    )
    return folder


def test_the_command_shows_gaps_groups_and_limits(biased, capsys):
    run, rows = str(biased / "run"), str(biased / "test.jsonl")
    assert program.run(["test", run, rows, "--suite", "fairness", "--group-by", "sex", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    gender = next(one for one in facts["identity"] if one["kind"] == "gender")
    assert gender["gap"]["low"] > 0
    assert gender["flips"]["value"] > 0.1
    [column] = facts["columns"]
    selected = next(one for one in column["differences"] if one["measure"] == "selection_rate")
    assert selected["low"] > 0.3
    assert "she" in facts["words"]["gender"]
    assert program.run(["test", run, rows, "--suite", "fairness", "--group-by", "sex", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "sex=女" in said
    assert "局限" in said


def test_a_policy_asks_for_figures_of_fairness(biased, tmp_path):
    rows = biased / "test.jsonl"
    names = figures_for(biased / "run", rows)
    assert {"fairness.gender.gap", "fairness.gender.flips", "fairness.sex.selection_rate_difference"} <= set(
        names
    )
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        f"rows: {rows}\nconditions:\n  - fairness.gender.gap <= 0.02\n  - fairness.sex.accuracy_difference <= 0.9\n",
        encoding="utf-8",
    )
    found = gate(biased / "run", policy, seals=False)
    assert [one.verdict.outcome for one in found.result.judged] == ["fail", "pass"]


def test_groups_of_few_rows_are_said_and_not_compared(biased):
    from metier.selection.labelled_rows import labelled_rows

    model = metier.load(biased / "run")
    table = metier.read(biased / "test.jsonl", text="text", label="label").table.to_pylist()
    for row in table[:3]:
        row["sex"] = "未知"
    given = labelled_rows(model, table)
    found = column_parity(given, given.answered(model)[0].predicted, "sex")
    assert found.too_small == ("未知",)
    assert all("未知" not in (one.higher, one.lower) for one in found.differences)
    with pytest.raises(CallError, match=r"no column 'sxe'.*Did you mean 'sex'"):
        column_parity(given, [], "sxe")


def test_thresholds_of_groups_are_shown_with_what_the_law_may_say(biased, capsys):
    run, rows = str(biased / "run"), str(biased / "test.jsonl")
    call = ["test", run, rows, "--suite", "fairness", "--group-by", "sex", "--group-thresholds"]
    assert program.run([*call, "good", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    [before] = [one for one in facts["columns"][0]["differences"] if one["measure"] == "selection_rate"]
    found = facts["group_thresholds"]
    [after] = [one for one in found["after"]["differences"] if one["measure"] == "selection_rate"]
    assert after["value"] < before["low"]
    assert found["accuracy"]["difference"] < 0  # The groups do differ in their labels.
    assert found["thresholds"]["男"] > found["thresholds"]["女"]
    assert program.run([*call, "good", "--lang", "zh"]) == 0
    assert "法律可能禁止" in capsys.readouterr().out
    assert program.run([*call, "god"]) == 2
    assert "Did you mean 'good'" in capsys.readouterr().err
    assert program.run(["test", run, rows, "--suite", "fairness", "--group-thresholds", "good"]) == 2


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("kinds: [", "cannot be read as YAML"),
        ("kinds: {}", "Expected kinds"),
        ("kinds: {地区: {groups: [甲, 乙], forms: [[北京人]]}}", "has 1 words for 2 groups"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, written, said):
    path = tmp_path / "terms.yaml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(CallError, match=said):
        read_identity_terms(path)


def test_own_words_replace_ours(tmp_path):
    path = tmp_path / "terms.yaml"
    path.write_text("kinds: {户口: {groups: [城市, 农村], forms: [[城市户口, 农村户口]]}}", encoding="utf-8")
    [kind] = read_identity_terms(path)
    assert kind.substituted("我是农村户口").texts == ("我是城市户口", "我是农村户口")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--suite", "fairness"], "needs rows"),
        (["rows.csv", "--suite", "fairness", "--only", "typos"], "--only would do nothing"),
        (["rows.csv", "--group-by", "sex"], "--group-by would do nothing"),
    ],
)
def test_calls_that_would_do_nothing_are_refused(arguments, said, capsys):
    assert program.run(["test", "run", *arguments]) == 2
    assert said in capsys.readouterr().err
