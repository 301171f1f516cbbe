"""Rules over spans and relations: what they mark, how they are weighed against one another, and what cannot be."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from metier.cli.label import label
from metier.data.weak_labels import LabelModel, apply_rules, apply_span_rules
from metier.data.weak_labels.rules import build_rules
from metier.errors import CallError, SettingsError

CITIES = [
    {"label": "city", "mark": ["Paris", "London", "北京"]},
    {
        "label": "city",
        "name": "context",
        "mark": [r"re:\b([A-Z]\w+)\b"],
        "before": ["flew to", "飞往"],
        "window": 9,
    },
    {"label": "none", "name": "person", "mark": ["Paris Hilton"]},
]
TEXTS = ["She flew to Paris today", "Paris Hilton sings", "我在北京工作", "he flew to Madrid", "nothing"]


def test_context_decides_what_is_marked_and_a_group_is_the_span():
    dictionary, context, _ = build_rules(CITIES)
    assert dictionary.places("北京和北京") == {(0, 2), (3, 5)}
    assert context.places("he flew to Madrid") == {(11, 17)}
    assert context.places("he saw Madrid, later they flew") == set()
    assert context.places("We flew to see what Madrid is like") == set()


def test_a_rule_that_marks_another_place_over_it_speaks_against_it():
    voted = apply_span_rules(build_rules(CITIES), TEXTS)
    assert voted.places == [(0, 12, 17), (1, 0, 5), (1, 0, 12), (2, 2, 4), (3, 11, 17)]
    named = [
        [None if code < 0 else voted.votes.labels[code] for code in row] for row in voted.votes.matrix.tolist()
    ]
    assert named[0] == ["city", "city", None]
    assert named[1] == ["city", None, "none"]
    probabilities, accuracies = voted.probabilities()
    spans = voted.spans(probabilities, n_rows=len(TEXTS))
    assert [[TEXTS[row][one["start"] : one["end"]] for one in own] for row, own in enumerate(spans)] == [
        ["Paris"], [], ["北京"], ["Madrid"], [],
    ]  # fmt: skip
    assert accuracies[1] > accuracies[0]  # It never stood against another.
    assert voted.truth([[[12, 17, "city"]], [], [[2, 4, "place"]], [], []]) == [
        "city",
        "none",
        "none",
        "place",
        "none",
    ]


def test_of_two_that_overlap_the_more_probable_is_kept():
    rules = build_rules(
        [
            {"label": "a", "name": "long", "mark": ["red car"]},
            {"label": "a", "name": "long too", "mark": ["re:red c.r"]},
            {"label": "b", "name": "short", "mark": ["car"]},
        ]
    )
    voted = apply_span_rules(rules, ["a red car", "the car", "one car more"])
    probabilities, _ = voted.probabilities()
    spans = voted.spans(probabilities, n_rows=3)
    assert [(one["start"], one["end"], one["label"]) for one in spans[0]] == [(2, 9, "a")]
    assert spans[1][0]["label"] == "b"
    assert voted.spans(probabilities, n_rows=3, least=1.0) == [[], [], []]


def relation(text, head, tail):
    return {"text": text, "head": [text.index(head), text.index(head) + len(head)],
            "tail": [text.index(tail), text.index(tail) + len(tail)]}  # fmt: skip


def test_relations_are_seen_between_the_entities():
    rules = build_rules(
        [
            {"label": "founded", "between": ["founded", "创立"], "order": "head_first"},
            {"label": "founded by", "name": "passive", "between": ["founded by"]},
            {"label": "founded", "name": "turned", "between": ["was founded by"], "order": "tail_first"},
        ]
    )
    items = [relation("Ann founded Acme", "Ann", "Acme"), relation("founded: Ann, Acme", "Ann", "Acme"),
             relation("王明创立甲公司", "王明", "甲公司"), relation("Acme was founded by Ann", "Ann", "Acme")]  # fmt: skip
    votes = apply_rules(rules, items)
    assert votes.is_covered.tolist() == [True, False, True, True]
    labels = [votes.labels[best] for best in LabelModel().fit(votes).predict_proba(votes).argmax(axis=1)]
    assert (labels[0], labels[2]) == ("founded", "founded")
    assert votes.counts()[3].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (
            [{"label": "a", "mark": ["Paris"]}, {"label": "b", "mark": ["Paris"]}],
            "so they contradict each other",
        ),
        (
            [{"label": "a", "any_of": ["x", "y"]}, {"label": "b", "any_of": ["y", "x"]}],
            "so they contradict each other",
        ),
        ([{"label": "a", "between": ["x"]}, {"label": "b", "between": ["x"]}], "so they contradict each other"),
        ([{"label": "a", "mark": ["x"]}, {"label": "b", "any_of": ["y"]}], "give rules of one sort in a file"),
        ([{"label": "a", "mark": ["x"], "befor": ["y"]}], "known: label, name, mark, before, after, window"),
        ([{"label": "a", "mark": ["re:("]}], "is not a regular expression"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(rules, words):
    with pytest.raises(SettingsError, match=words):
        build_rules(rules)


def test_rules_that_mark_nothing_are_said():
    with pytest.raises(CallError, match="None of the 3 rules applies"):
        apply_span_rules(build_rules(CITIES), ["nothing here"])


def test_the_command_writes_spans_with_probabilities(tmp_path):
    rows = tmp_path / "rows.jsonl"
    known = [[{"start": 12, "end": 17, "label": "city"}], [], [{"start": 2, "end": 4, "label": "city"}], [], []]
    rows.write_text(
        "".join(json.dumps({"text": t, "spans": s}) + "\n" for t, s in zip(TEXTS, known, strict=True))
    )
    (tmp_path / "rules.yaml").write_text(json.dumps({"rules": CITIES}, ensure_ascii=False), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    done = CliRunner().invoke(
        label,
        [str(rows), "--rules", str(tmp_path / "rules.yaml"), "--out", str(out), "--json"],
        catch_exceptions=False,
    )
    found = json.loads(done.output)
    assert (found["labelled"], found["spans"], found["labels"]) == (3, 3, {"city": 3})
    assert found["accuracy"] == pytest.approx(2 / 3)  # Madrid is not among the true ones.
    written = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [len(row["weak_spans"]) for row in written] == [1, 0, 1, 1, 0]
    assert np.all([0 < one["probability"] <= 1 for row in written for one in row["weak_spans"]])
