import json
from pathlib import Path

import pyarrow as pa
import pytest

from metier.data.rows import COLUMN_TYPES, Roles, Rows
from metier.errors import DataError, EntityError, MissingLabelError, TooFewLabelsError
from metier.evaluation.row_measures import measure
from metier.tasks.answers.relation import RELATION
from metier.tasks.inputs import MARKED_TEXT, input_of
from metier.tasks.inputs.marked_text import as_entity_pairs
from metier.tasks.relation import Relation

SEMEVAL = Path(__file__).parents[2] / "examples" / "semeval2010_task8" / "train.jsonl"
TEXT = "The child was wrapped into the cradle."
ITEM = {"text": TEXT, "head": [4, 9], "tail": [31, 37]}


@pytest.fixture(scope="module")
def lines():
    with SEMEVAL.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def as_rows(lines):
    def place(found):
        return (
            None if found is None else {"start": found["start"], "end": found["end"], "type": found.get("type")}
        )

    columns = {
        "text": pa.array([line["text"] for line in lines]),
        "head": pa.array([place(line["head"]) for line in lines], COLUMN_TYPES["head"]),
        "tail": pa.array([place(line["tail"]) for line in lines], COLUMN_TYPES["tail"]),
        "label": pa.array([line["label"] for line in lines]),
    }
    return Rows(pa.table(columns), Roles("text", "label", head="head", tail="tail"), origin="train.jsonl")


def test_real_rows_become_items_and_targets(lines):
    rows = as_rows(lines)
    task = Relation.from_rows(rows)
    assert task.negative_label == "Other"
    assert set(task.labels) == {line["label"] for line in lines}
    items = task.items(rows)
    assert task.targets(rows) == [line["label"] for line in lines]
    for item, line in zip(items, lines, strict=True):
        for entity in ("head", "tail"):
            start, end = item[entity]
            assert item["text"][start:end] == line[entity]["text"]


def test_types_of_entities_are_kept_where_they_are_known(lines):
    typed = [lines[0] | {"head": lines[0]["head"] | {"type": "PERSON"}}, lines[1]]
    first, second = Relation(labels=("a", "b")).items(as_rows(typed))
    assert first["head_type"] == "PERSON"
    assert "tail_type" not in first
    assert "head_type" not in second


def test_a_row_without_an_entity_is_named(lines):
    with pytest.raises(MissingLabelError, match=r"1 of 2 rows of train\.jsonl.*'tail'.*row 2"):
        Relation(labels=("a", "b")).items(as_rows([lines[0], lines[1] | {"tail": None}]))


@pytest.mark.parametrize(
    ("labels", "negative"),
    [
        (["Other", "Cause-Effect(e1,e2)"], "Other"),
        (["unknown", "收购"], "unknown"),
        (["no_relation", "other"], "no_relation"),
        (["收购", "合作"], None),
    ],
)
def test_the_label_of_no_relation_is_found(labels, negative):
    assert Relation.from_labels(labels).negative_label == negative


@pytest.mark.parametrize(
    ("labels", "primary"),
    [
        (["Other", "Cause-Effect(e1,e2)"], "semeval_f1"),
        (["unknown", "收购"], "relation_micro_f1"),
        (["收购", "合作"], "accuracy"),
        (["收购"] * 3 + ["合作"], "macro_f1"),
    ],
)
def test_the_metric_is_that_of_the_field(labels, primary):
    task = Relation.from_labels(labels)
    assert task.primary_metric == primary
    assert primary in task.metrics
    for metric in task.metrics:
        assert 0 <= measure(metric, labels, labels[::-1]) <= 1


def test_the_label_of_no_relation_can_be_stated():
    assert Relation.from_labels(["other", "x"], negative_label="x").negative_label == "x"
    with pytest.raises(DataError, match="'y' was named as the label of no relation"):
        Relation.from_labels(["other", "x"], negative_label="y")
    with pytest.raises(TooFewLabelsError):
        Relation.from_labels(["x", "x"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tail": [31, 99]}, r"row 2: tail \[31, 99\] does not lie in its text of 38 characters"),
        ({"head": [-1, 4]}, r"head \[-1, 4\] does not lie"),
        ({"head": [9, 4]}, r"head \[9, 4\] does not lie"),
        ({"head": [4, 4]}, r"head \[4, 4\] does not lie"),
        ({"head": [3, 10]}, r"includes white space: ' child '; without it: \[4, 9\]"),
        ({"head": [3, 4]}, "nothing but white space"),
        ({"tail": [4, 9]}, "head and tail are the same piece"),
    ],
)
def test_an_entity_that_is_not_there_is_named_with_its_row(change, said):
    with pytest.raises(EntityError, match=said) as caught:
        as_entity_pairs([ITEM, ITEM | change], origin="notes.jsonl")
    assert "1 row of notes.jsonl" in str(caught.value)
    assert "the end is one past the last" in str(caught.value)


def test_the_offset_it_proposes_works():
    assert as_entity_pairs([ITEM | {"head": [4, 9]}])[0]["head"] == [4, 9]


def test_ends_that_include_the_last_character_are_refused(lines):
    shifted = [
        {"text": line["text"], **{e: [line[e]["start"], line[e]["end"] - 1] for e in ("head", "tail")}}
        for line in lines
        if min(line[e]["end"] - line[e]["start"] for e in ("head", "tail")) > 1
    ]
    with pytest.raises(EntityError, match="add 1 to each") as caught:
        RELATION.check(MARKED_TEXT.read(shifted), [line["label"] for line in lines][: len(shifted)])
    assert "a part of a word" in str(caught.value)
    assert "row 1" in str(caught.value)


def test_a_word_cut_by_a_typing_mistake_is_accepted(lines):
    items = [{"text": line["text"], "head": line["head"], "tail": line["tail"]} for line in lines]
    glued = {"text": "a group ofneurons fired", "head": [2, 7], "tail": [10, 17]}
    examples = RELATION.check(MARKED_TEXT.read([*items, glued]), [*(line["label"] for line in lines), "Other"])
    assert examples.items[-1]["tail"] == [10, 17]


def test_chinese_entities_touch_their_neighbours():
    item = {"text": "东方航空AH股临时停牌传将与上航合并", "head": [0, 4], "tail": [14, 16]}
    texts = RELATION.check(MARKED_TEXT.read([item] * 2), ["合并", "unknown"]).items
    assert [(text["head"], text["tail"]) for text in texts] == [([0, 4], [14, 16])] * 2


@pytest.mark.parametrize("bad", ["a text", {"text": TEXT}])
def test_one_item_is_not_a_list(bad):
    with pytest.raises(TypeError, match="Put it in a list"):
        as_entity_pairs(bad)


def test_what_is_no_marked_text_says_where():
    with pytest.raises(TypeError, match="position 1"):
        as_entity_pairs([ITEM, "a text"])
    with pytest.raises(TypeError, match=r"'head' of the item at position 0 as \[start, end\]"):
        as_entity_pairs([{"text": TEXT, "head": [4], "tail": [31, 37]}])
    with pytest.raises(DataError):
        as_entity_pairs([])


def test_what_predict_asks_is_what_training_saw(lines):
    rows = as_rows([lines[0] | {"head": lines[0]["head"] | {"type": "PERSON"}}, lines[1]])
    asked = input_of(Relation(labels=("a", "b")).input_keys).from_rows(rows)
    assert asked == Relation(labels=("a", "b")).items(rows)
    assert asked[0]["head_type"] == "PERSON"
