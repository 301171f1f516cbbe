import json
from pathlib import Path

import pytest

import metier
from metier import catalogue
from metier.errors import DataError, EmptyDataError
from metier.tasks.generation import Generation, check_texts
from metier.tasks.inputs.conversation import as_items

EXAMPLES = Path(__file__).parents[2] / "examples"


def read(name, source, target):
    with (EXAMPLES / name).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row[source] for row in rows], [row[target] for row in rows]


@pytest.mark.parametrize(
    ("name", "source", "target", "kind", "metric"),
    [
        ("scitldr/train.jsonl", "document", "summary", "summary", "rouge_l"),
        ("csl_title_zh/train.jsonl", "document", "summary", "summary", "rouge_l"),
        ("tatoeba_en_zh/train.jsonl", "source", "target", "translation", "chrf"),
        ("chatterbot_corpus/en.jsonl", "question", "answer", "reply", "rouge_l"),
        ("chatterbot_corpus/zh.jsonl", "question", "answer", "reply", "rouge_l"),
    ],
)
def test_the_kind_of_text_is_read_off_real_rows(name, source, target, kind, metric):
    task = Generation.from_texts(check_texts(*read(name, source, target)))
    assert (task.kind, task.primary_metric) == (kind, metric)
    assert task.why
    assert task.primary_metric in task.metrics
    assert task.input_keys == ("text",)
    assert task.candidates[-1] == "generator.v1"
    assert set(task.candidates) <= set(catalogue.METHODS)


def test_conversations_want_replies():
    said = {"messages": [{"role": "user", "content": "hi"}]}
    task = Generation.from_texts(check_texts([said], ["hello"]))
    assert (task.kind, task.is_dialogue, task.input_keys) == ("reply", True, ("messages",))


def test_items_come_in_their_plain_form():
    assert as_items(["one", {"text": "two"}]) == ["one", "two"]


@pytest.mark.parametrize(
    ("items", "found"),
    [
        (["one", {"messages": [{"role": "user", "content": "hi"}]}], "Row 1 .* text, row 2 a conversation"),
        (["one", 2], "Row 2 .*expected a text"),
        (
            [{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}],
            "Row 1.*in a row",
        ),
    ],
)
def test_items_that_cannot_be_asked_are_refused_with_their_row(items, found):
    with pytest.raises(DataError, match=found):
        as_items(items)


def test_a_row_without_a_target_is_refused():
    with pytest.raises(DataError, match=r"Row 2 .* no text as its target"):
        check_texts(["a", "b"], ["x", " "])
    with pytest.raises(ValueError, match="2 items and 1 targets"):
        check_texts(["a", "b"], ["x"])
    with pytest.raises(EmptyDataError):
        check_texts([], [])


def test_rows_of_a_table_are_summaries_too(tmp_path):
    from metier.data.rows import Roles, Rows

    pa = pytest.importorskip("pyarrow")
    texts, targets = read("scitldr/train.jsonl", "document", "summary")
    rows = Rows(pa.table({"d": texts, "s": targets}), Roles("d", target="s"))
    task = Generation.from_rows(rows)
    assert task.kind == "summary"
    assert list(task.items(rows)) == texts
    assert task.targets(rows) == targets


def test_references_are_right_too(tmp_path):
    path = tmp_path / "rows.jsonl"
    text = "A long abstract about many things that were found out. " * 4
    records = [
        {"document": text, "summary": f"Short {i}.", "references": further}
        for i, further in enumerate([["Short 0.", "Brief."], ["Short 1."], [], ["Else."]])
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    rows = metier.read(path)
    task = Generation.from_rows(rows)
    assert task.targets(rows) == [["Short 0.", "Brief."], "Short 1.", "Short 2.", ["Short 3.", "Else."]]
    assert "references" in task.why
    assert check_texts(task.items(rows), task.targets(rows)).targets == [f"Short {i}." for i in range(4)]
