import json

import pytest

from metier.data import iterate, open_writer, read, read_alike
from metier.errors import BrokenValueError, MissingLabelError
from metier.tasks.task_table import infer_task

USER = {"role": "user", "content": "Where is my card?"}
ASSISTANT = {"role": "assistant", "content": "On its way."}


def test_real_conversations_are_split_at_the_last_answer(examples):
    path = examples / "sgd_dialogues/messages/train.jsonl"
    rows = read(path)
    raw = [json.loads(line)["messages"] for line in path.read_text().splitlines()]
    assert rows.values("messages") == [messages[:-1] for messages in raw]
    assert rows.values("target") == [messages[-1]["content"] for messages in raw]
    assert list(rows.texts) == [messages[-2]["content"] for messages in raw]
    assert infer_task(rows)[0] == "generation"
    assert any("target is the last turn of the assistant in messages" in note for note in rows.notes)


def test_real_plain_turns_alternate(examples):
    path = examples / "chatterbot_corpus/zh.jsonl"
    rows, raw = read(path), [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows.roles.messages == "turns"
    pairs = [row for row in range(len(raw)) if len(raw[row]["turns"]) == 2]
    assert len(pairs) > 100
    for row in pairs:
        assert rows.values("messages")[row] == [{"role": "user", "content": raw[row]["question"]}]
        assert rows.values("target")[row] == raw[row]["answer"]


@pytest.mark.parametrize(
    ("column", "turns"),
    [
        ("conversations", [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]),
        ("turns", [{"speaker": "USER", "text": "Hi"}, {"speaker": "SYSTEM", "text": "Hello"}]),
        ("dialogue", [{"speaker": "customer", "utterance": "Hi"}, {"speaker": "agent", "utterance": "Hello"}]),
        ("turns", ["Hi", "Hello"]),
    ],
    ids=["sharegpt", "schema-guided dialogues", "service", "plain"],
)
def test_speakers_are_renamed_to_user_and_assistant(column, turns):
    rows = read([{column: turns}])
    assert rows.values("messages") == [[{"role": "user", "content": "Hi"}]]
    assert rows.values("target") == ["Hello"]


def test_a_system_turn_stays_first():
    system = {"role": "system", "content": "Be brief."}
    rows = read([{"messages": [system, USER, ASSISTANT]}])
    assert rows.values("messages") == [[system, USER]]


def test_a_conversation_that_ends_with_the_user_is_cut_to_its_last_answer_with_a_note():
    rows = read([{"messages": [USER, ASSISTANT]}, {"messages": [USER, ASSISTANT, USER]}, {"messages": [USER]}])
    assert rows.values("messages") == [[USER]] * 3
    assert rows.column("target") == ["On its way.", "On its way.", None]
    assert any(note.startswith("1 conversations in messages end with the user") for note in rows.notes)
    with pytest.raises(MissingLabelError, match=r"row 3.*--drop-unlabelled"):
        rows.values("target")


def test_for_prediction_the_whole_conversation_is_kept(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"messages": turns}) for turns in ([USER, ASSISTANT, USER], [USER])))
    batches = list(iterate(path, 1))
    assert [batch.values("messages")[0] for batch in batches] == [[USER, ASSISTANT, USER], [USER]]
    assert batches[0].roles.target is None


@pytest.mark.parametrize(
    ("turns", "says", "repaired"),
    [
        (
            [USER, USER, ASSISTANT],
            "turns 1 and 2 are both of the user. Join them",
            "Where is my card?\nWhere is my card?",
        ),
        ([USER, ASSISTANT, ASSISTANT], "turns 2 and 3 are both of the assistant", "Where is my card?"),
        ([ASSISTANT], "there is no user turn before", None),
        ([{"role": "user"}], "turn 1 has no speaker or no text", None),
        ([{"role": "narrator", "content": "x"}], "turn 1 has the speaker 'narrator'", None),
        ([], "there is no turn", None),
    ],
    ids=["two of the user", "two of the assistant", "no user", "no text", "unknown speaker", "empty"],
)
def test_a_broken_conversation_is_reported_with_row_and_remedy(turns, says, repaired):
    source = [{"messages": [USER, ASSISTANT]}, {"messages": turns}]
    with pytest.raises(BrokenValueError, match=rf"row 2, column 'messages': {says}.*--repair, which joins"):
        read(source, messages="messages")
    rows = read(source, messages="messages", repair=True)
    assert list(rows.texts)[1:] == ([] if repaired is None else [repaired])


def test_rows_round_trip_through_json_lines(examples, tmp_path):
    rows = read(examples / "sgd_dialogues/messages/test.jsonl")
    with open_writer(tmp_path / "out.jsonl") as writer:
        writer.write(rows.table)
    again = read(tmp_path / "out.jsonl")
    assert (again.roles, again.fingerprint) == (rows.roles, rows.fingerprint)


def test_further_conversations_are_read_like_the_first(examples):
    rows = read(examples / "chatterbot_corpus/en.jsonl")
    again = read_alike(examples / "chatterbot_corpus/en.jsonl", rows)
    assert again.fingerprint == rows.fingerprint
