import json

import pytest

from metier.data import iterate, open_writer, read, read_alike
from metier.errors import BrokenValueError, DataError
from metier.tasks.task_table import infer_task

PASSAGE = "Ada Lovelace wrote the first program. Ada was born in London."


def put(path, document):
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return path


def squad(*questions, passage=PASSAGE):
    return {
        "version": "v2.0",
        "data": [{"title": "Ada", "paragraphs": [{"context": passage, "qas": list(questions)}]}],
    }


def asked(question, *answers, **more):
    answers = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": question[:3], "question": question, "answers": answers, **more}


@pytest.mark.parametrize(
    ("file", "questions", "passages"),
    [("cmrc2018/train.json", 146, 39), ("xquad/test.en.json", 183, 30), ("xquad/test.zh.json", 183, 30)],
)
def test_answers_of_real_questions_are_in_their_passage(examples, file, questions, passages):
    rows = read(examples / file)
    assert len(rows) == questions
    assert len(set(rows.texts)) == len(set(rows.column("group"))) == passages
    for passage, question, answers in zip(
        rows.texts, rows.values("question"), rows.values("answers"), strict=True
    ):
        assert question
        assert answers
        assert all(passage[a["start"] : a["start"] + len(a["text"])] == a["text"] for a in answers)
    assert infer_task(rows)[0] == "extractive_qa"


def test_several_answers_are_kept_each_once(examples):
    rows = read(examples / "cmrc2018/test.json")
    counts = [len(answers) for answers in rows.values("answers")]
    assert max(counts) > 1
    assert all(
        len({(a["text"], a["start"]) for a in answers}) == len(answers) for answers in rows.values("answers")
    )


def test_a_question_of_version_2_may_have_no_answer(tmp_path):
    document = squad(
        asked("Who wrote it?", ("Ada Lovelace", 0)),
        asked(
            "Who sang it?",
            ("Ada", 0),
            is_impossible=True,
            plausible_answers=[{"text": "Ada", "answer_start": 0}],
        ),
    )
    rows = read(put(tmp_path / "train.json", document))
    assert rows.values("answers") == [[{"text": "Ada Lovelace", "start": 0}], []]


def test_the_list_of_cmrc_has_no_offsets(tmp_path):
    passage = {
        "context_id": "T_1",
        "context_text": "光荣开发了游戏。",
        "title": "游戏",
        "qas": [{"query_id": "T_1_Q", "query_text": "谁开发了游戏？", "answers": ["光荣", "光荣"]}],
    }
    rows = read(put(tmp_path / "train.json", [passage]))
    assert rows.values("answers") == [[{"text": "光荣", "start": 0}]]
    assert [rows.table.column(name)[0].as_py() for name in ("passage_id", "id")] == ["T_1", "T_1_Q"]


def test_squad_as_columns():
    answers = {"text": ["London"], "answer_start": [54]}
    rows = read([{"id": "1", "context": PASSAGE, "question": "Where was Ada born?", "answers": answers}])
    assert (rows.roles.text, rows.roles.question) == ("context", "question")
    assert rows.values("answers") == [[{"text": "London", "start": 54}]]


@pytest.mark.parametrize("name", ["train.json", "train.jsonl"])
def test_squad_is_recognised_by_content(tmp_path, name):
    path = put(tmp_path / name, squad(asked("Who?", ("Ada", 38))))
    assert read(path).values("answers") == [[{"text": "Ada", "start": 38}]]
    batch = next(iterate(path))
    assert (batch.values("question"), batch.roles.answers) == (["Who?"], None)


# Bad input.


def test_an_answer_at_a_wrong_offset_is_reported_with_row_id_and_nearest_offset(tmp_path):
    document = squad(
        asked("Who wrote?", ("Ada Lovelace", 0)), asked("Born?", ("Ada", 37)), asked("X?", ("Ada", 5))
    )
    path = put(tmp_path / "train.json", document)
    says = r"row 2 \(id Bor\), column 'answers': the answer 'Ada' .* offset 37 \(' Ad' is there\).*occurrence is at 38"
    with pytest.raises(BrokenValueError, match=says) as caught:
        read(path)
    assert (caught.value.rows, caught.value.count, caught.value.column) == ([2, 3], 2, "answers")
    rows = read(path, repair=True)
    assert [answers[0]["start"] for answers in rows.values("answers")] == [0, 38, 0]
    assert any("repair fixed 2 values of answers" in note for note in rows.notes)


def test_a_question_whose_answer_is_not_in_the_passage_does_not_become_unanswerable(tmp_path):
    document = squad(asked("Who?", ("Byron", -1)), asked("Who wrote?", ("Byron", 3), ("Ada", 0)))
    path = put(tmp_path / "train.json", document)
    with pytest.raises(BrokenValueError, match=r"'Byron' is not in its passage.*--repair, which moves"):
        read(path)
    rows = read(path, repair=True)
    assert rows.values("answers") == [[{"text": "Ada", "start": 0}]]
    assert any("removed 1 row that it could not fix" in note for note in rows.notes)


def test_a_missing_passage_or_question_is_reported(tmp_path):
    with pytest.raises(DataError, match=r"question 1 \(id Who\) has no passage"):
        read(put(tmp_path / "a.json", squad(asked("Who?", ("Ada", 0)), passage=None)))
    with pytest.raises(DataError, match=r"question 1 .* has no question"):
        read(put(tmp_path / "b.json", squad({"id": "1", "answers": []})))


def test_rows_round_trip_through_json_lines(examples, tmp_path):
    rows = read(examples / "xquad/test.en.json")
    with open_writer(tmp_path / "out.jsonl") as writer:
        writer.write(rows.table)
    again = read(tmp_path / "out.jsonl")
    assert again.roles == rows.roles
    assert again.fingerprint == rows.fingerprint
    assert read_alike(tmp_path / "out.jsonl", rows).fingerprint == rows.fingerprint
