import json
from types import SimpleNamespace

import pytest

import metier
from metier import catalogue
from metier.errors import CallError, DataError, MissingSideError, UnknownNameError
from metier.evaluation.measure_table import find_measure
from metier.predictors.text.prompting import PLAIN_TEMPLATE, Prompts, PromptSettings
from metier.selection.scores import Scores, sources_of
from metier.tasks.generation import Generation, check_texts
from metier.tasks.inputs.conversation import as_items
from metier.tasks.task import TaskRecord
from metier.tasks.text_kind_signs import looks_like_code
from metier.tasks.text_kinds import TEXT_KINDS, text_kind

PYTHON = "def add(a, b):\n    # Both are numbers.\n    return a + b\n"
SQL = "SELECT name FROM people\nWHERE age > 30;"
QUESTIONS = [
    {"question": "Who bought Bolt?", "passage": "It rained. Acme bought Bolt in 2019. All were glad."},
    {"question": "谁收购了乙公司？", "passage": "昨天下雨。甲公司收购了乙公司。大家很高兴。"},
]


def kind_of(items, targets, **how):
    return Generation.from_texts(check_texts(items, targets), **how)


@pytest.mark.parametrize("kind", TEXT_KINDS.values(), ids=TEXT_KINDS)
def test_every_kind_has_metrics_methods_and_instructions(kind):
    assert kind.primary_metric in kind.metrics
    assert all(find_measure(name) for name in kind.metrics)
    assert set(kind.candidates) <= set(catalogue.METHODS)
    assert kind.instruction("zh") != kind.instruction("en") == kind.instruction("en")
    assert kind.unsupported is None or kind.unsupported in kind.metrics


def test_a_kind_that_there_is_not():
    with pytest.raises(UnknownNameError, match="summary"):
        text_kind("sumary")


def test_code_is_told_by_its_lines():
    assert all(map(looks_like_code, (PYTHON, SQL, "x = 3", "ls -l | grep a && pwd", "<p>hello</p>")))
    assert not any(map(looks_like_code, ("It costs 3 pounds.", "What a day!\nWe went home.", "他说：“好。”")))
    task = kind_of(["write an addition", "who is over thirty"], [PYTHON, SQL])
    assert (task.kind, task.primary_metric, task.candidates[0]) == ("code", "chrf", "nearest_reply.v1")
    assert "100%" in task.why


def test_prompts_are_told_by_the_names_of_columns():
    texts, targets = ["a poem about rain", "a letter"], ["Rain falls on the roof.", "Dear friend, I write."]
    assert kind_of(texts, targets).kind == "reply"
    assert kind_of(texts, targets, columns=("prompt", "completion")).kind == "text"


def test_questions_with_passages_are_answered():
    task = kind_of(QUESTIONS, ["Acme", "甲公司"])
    assert (task.kind, task.input.name, task.input_keys) == ("answer", "question", ("question", "passage"))
    assert task.primary_metric == "answer_f1"


def test_questions_come_in_one_form_and_not_beside_texts():
    assert as_items([tuple_of(QUESTIONS[0]), QUESTIONS[1]]) == QUESTIONS
    with pytest.raises(DataError, match=r"Row 1 .* question, row 2 a text"):
        as_items([QUESTIONS[0], "a text"])
    with pytest.raises(MissingSideError):
        as_items([{"question": "who?", "passage": " "}])


def tuple_of(question):
    from metier.tasks.inputs.question import Question

    return Question(**question)


def test_a_sealed_kind_comes_back():
    for name, kind in TEXT_KINDS.items():
        facts = TaskRecord((), kind.primary_metric, kind=name)
        assert Generation.restored(facts).kind == name
    assert (
        Generation.restored(TaskRecord((), "chrf")).kind == "translation"
    )  # Of bundles before there were others.


def written_rows(tmp_path, rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_of_a_file_are_answers_and_the_kind_can_be_stated(tmp_path):
    rows = [
        {"question": one["question"], "context": one["passage"], "answer": f"It was {number} Acme."}
        for number, one in enumerate(QUESTIONS * 6)
    ]
    read = metier.read(written_rows(tmp_path, rows))
    assert read.roles.named == {"text": "context", "question": "question", "target": "answer"}
    task = Generation.from_rows(read)
    assert task.kind == "answer"
    assert task.items(read)[0] == QUESTIONS[0]
    with pytest.raises(CallError, match="--kind summary"):
        Generation.from_rows(read, kind="summary")
    plain = metier.read(
        written_rows(tmp_path, [{"text": row["question"], "target": row["answer"]} for row in rows])
    )
    assert Generation.from_rows(plain, kind="text").kind == "text"
    with pytest.raises(CallError, match="--role question"):
        Generation.from_rows(plain, kind="answer")


def test_white_space_of_code_survives_reading(tmp_path):
    code = "\tif x:\n\t\treturn 1\n"
    for name, body in (
        ("rows.jsonl", json.dumps({"text": "a", "target": code})),
        ("rows.csv", f'text,target\na,"{code}"'),
    ):
        path = tmp_path / name
        path.write_text(body + "\n", encoding="utf-8")
        read = metier.read(path, text="text", target="target")
        assert Generation.from_rows(read).targets(read) == [code]


class Characters:
    """A codec of one token a character."""

    def encode(self, text):
        return [ord(sign) for sign in text]

    encode_marks = encode_target = encode

    def decode(self, ids):
        return "".join(map(chr, ids))


def prompts(kind, room=400):
    return Prompts(PromptSettings(kind, "", PLAIN_TEMPLATE, room), Characters())


def test_white_space_is_kept_of_code_alone():
    ids = Characters().encode("    x = 1\n")
    assert prompts("code").decode(ids) == "    x = 1\n"
    assert prompts("reply").decode(ids) == "x = 1"


def test_a_question_stands_below_its_passage_in_its_language():
    for question, mark in zip(QUESTIONS, ("Question: ", "问题："), strict=True):
        text = Characters().decode(prompts("answer").build(question)[0])
        assert f"{question['passage']}\n\n{mark}{question['question']}" in text


def test_of_a_long_passage_the_sentences_like_the_question_are_read():
    filler = " ".join(f"The weather of day {day} was fine." for day in range(60))
    long = {"question": "Who bought Bolt?", "passage": f"{filler} Acme bought Bolt. {filler}"}
    [ids] = prompts("answer").build(long)
    assert "Acme bought Bolt." in Characters().decode(ids)
    assert len(ids) <= 400


def test_of_long_code_the_last_lines_are_read_as_they_stand():
    lines = "".join(f"    line_{number} = {number}\n" for number in range(100))
    text = Characters().decode(prompts("code").build(lines)[0])
    assert "    line_98 = 98\n    line_99 = 99\n" in text
    assert "line_1 " not in text


def test_claims_are_looked_up_in_what_was_asked():
    task = Generation("answer", "stated")
    rows = SimpleNamespace(roles=SimpleNamespace(question="question"))
    object.__setattr__(
        rows, "values", lambda role: [one["passage" if role == "text" else role] for one in QUESTIONS]
    )
    rows.origin = "these rows"
    scores = Scores(task, ["Acme", "甲公司"], sources=sources_of(task, rows))
    assert scores.measure("unsupported", ["Acme, in 2019", "甲公司"]) == 0
    assert scores.measure("unsupported", ["we think Acme, in 2020", "甲公司"]) == 0.5
    assert "unsupported" in scores.metrics
    assert "unsupported" not in Scores(task, ["Acme", "甲公司"]).metrics
    assert scores.part([1]).measure("unsupported", ["2020"]) == 1


def test_exact_match_takes_one_text_or_several():
    task = Generation("answer", "stated")
    scores = Scores(task, ["The Acme!", ["甲公司", "甲"]])
    assert scores.measure("exact_match", ["acme", "甲。"]) == 1
    assert scores.measure("answer_f1", ["acme inc", "甲公司"]) == pytest.approx((2 / 3 + 1) / 2)
    code = Scores(Generation("code", "stated"), [PYTHON, SQL])
    assert code.measure("verbatim_match", [PYTHON.rstrip(), SQL.replace("\n", "\r\n")]) == 1
    assert code.measure("verbatim_match", [PYTHON.replace("    ", "  "), SQL]) == 0.5
