import json
from pathlib import Path

import pyarrow as pa
import pytest

from metier.data.rows import COLUMN_TYPES, Roles, Rows
from metier.errors import AnswerPlaceError, EmptyDataError, MissingLabelError, MissingSideError
from metier.tasks.answers.passage_answer import check_answers
from metier.tasks.extractive_qa import ExtractiveQa
from metier.tasks.inputs.question import as_questions

CMRC = Path(__file__).parents[2] / "examples" / "cmrc2018" / "train.json"
PASSAGE = "The Panthers gave up 308 points. In 308 games they gave up more."


def rows_of(items, targets):
    table = pa.table(
        {
            "question": [item["question"] for item in items],
            "context": [item["passage"] for item in items],
            "answers": pa.array(targets, COLUMN_TYPES["answers"]),
        }
    )
    return Rows(table, Roles("context", question="question", answers="answers"), origin="panthers.json")


def asked(*answers, passage=PASSAGE):
    return [{"question": "How many?", "passage": passage}], [list(answers)]


def test_rows_become_questions_and_their_answers():
    items, targets = asked({"text": "308", "start": 21}, {"text": "308 points", "start": 21})
    rows = rows_of([*items, *items], [*targets, []])
    task = ExtractiveQa.from_rows(rows)
    assert task.unanswerable_fraction == 0.5
    assert task.items(rows) == [*items, *items]
    assert task.targets(rows) == [*targets, []]
    assert task.primary_metric in task.metrics


def test_an_answer_beside_its_place_is_refused_with_its_row_and_the_nearest_place():
    items, targets = asked({"text": "308", "start": 35})
    good = asked({"text": "308", "start": 36})
    with pytest.raises(AnswerPlaceError) as caught:
        ExtractiveQa.from_rows(rows_of([*good[0], *items], [*good[1], *targets]))
    message = str(caught.value)
    assert "1 answer is not in the passage at the offset in panthers.json" in message
    assert (
        "row 2: the answer '308' has the start 35, where the passage has ' 30'; the nearest starts at 36"
        in message
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"text": "307", "start": 21}, "where the passage has '308'; it is nowhere in it"),
        ({"text": "more", "start": 900}, "outside the passage; the nearest starts at 59"),
        ({"text": "more", "start": -1}, "outside the passage; the nearest starts at 59"),
        ({"text": "the panthers", "start": 3}, "the nearest starts at 0"),
        ({"text": "", "start": 3}, "it is nowhere in it"),
    ],
)
def test_what_is_wrong_is_said_of_every_kind_of_fault(answer, said):
    items, targets = asked(answer)
    with pytest.raises(AnswerPlaceError, match="row 1") as caught:
        check_answers(as_questions(items), targets)
    assert said in str(caught.value)


def test_offsets_count_characters_whatever_their_planes():
    passage = "😀𠮷野家在东京。"
    check_answers(as_questions([("哪里", passage)]), [[{"text": "东京", "start": passage.index("东京")}]])


def test_every_answer_of_the_example_stands_in_its_passage():
    paragraphs = [
        part for article in json.loads(CMRC.read_text("utf-8"))["data"] for part in article["paragraphs"]
    ]
    asked = [(question, part["context"]) for part in paragraphs for question in part["qas"]]
    targets = [[{"text": a["text"], "start": a["answer_start"]} for a in q["answers"]] for q, _ in asked]
    check_answers(as_questions([(q["question"], passage) for q, passage in asked]), targets)


def test_rows_that_cannot_be_asked_are_refused():
    items, targets = asked({"text": "308", "start": 21})
    with pytest.raises(MissingSideError, match=r"row 1 of panthers.json has no 'passage'"):
        ExtractiveQa().items(rows_of([{"question": "Who?", "passage": " "}], targets))
    with pytest.raises(EmptyDataError, match="None of the 1 questions"):
        ExtractiveQa.from_rows(rows_of(items, [[]]))
    with pytest.raises(ValueError, match="1 questions and 2 lists"):
        check_answers(as_questions(items), [[], []])
    with pytest.raises(TypeError, match="Put it in a list"):
        as_questions(items[0])
    with pytest.raises(EmptyDataError):
        as_questions([])
    rows = rows_of(items, targets).with_roles(answers=None)
    with pytest.raises(MissingLabelError, match="--role answers=COLUMN"):
        ExtractiveQa.from_rows(rows)
