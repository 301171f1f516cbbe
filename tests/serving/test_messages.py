"""Requests of every kind of question: what cannot be answered is a 4xx with its code, and nothing is ignored."""

import json

import pytest

from metier.errors import BaseModelError, DataError, EndpointError
from metier.serving import ServingSettings, build_app
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import read_request
from metier.tasks.inputs import CONVERSATION, MARKED_TEXT, PAIR, QUESTION, TEXT

SETTINGS = ServingSettings()
USER, ASSISTANT = {"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}


def refusal_of(kind, body):
    with pytest.raises(RefusalError) as caught:
        read_request(json.dumps(body).encode(), SETTINGS, kind)
    return caught.value


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([], "has no messages"),
        ("", "should be a list of"),
        ([USER, USER], "two turns of the user in a row"),
        ([USER, ASSISTANT], "ends with the assistant"),
        ([ASSISTANT, USER], "the assistant speaks first"),
        ([USER | {"role": "robot"}], "expected a role"),
        ([{"role": "user"}], "should be a list of"),
        (None, "should be a list of"),
    ],
)
def test_a_conversation_that_nobody_could_answer_is_the_callers_fault(messages, says):
    refusal = refusal_of(CONVERSATION, {"messages": messages})
    assert (refusal.status, refusal.field) == (422, "messages")
    assert says in str(refusal)


def test_a_conversation_or_a_text_is_asked_of_what_replies():
    read = read_request(json.dumps({"messages": [USER]}).encode(), SETTINGS, CONVERSATION)
    assert read.items == [{"messages": [USER]}]
    assert read_request(b'{"text": "hello"}', SETTINGS, CONVERSATION).items == ["hello"]
    assert read_request(b'{"texts": ["a", "b"]}', SETTINGS, CONVERSATION).items == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "body", "code", "field"),
    [
        (TEXT, {"text": "a", "rows": [{"text": "b"}]}, "unknown_field", "rows"),
        (TEXT, {"rows": [{"text": "b"}]}, "unknown_field", "rows"),
        (TEXT, {"texts": ["a"], "rows": []}, "unknown_field", "rows"),
        (PAIR, {"text": "a", "text_pair": "b", "rows": [{}]}, "bad_request", "text"),
        (PAIR, {"texts": ["a"], "rows": [{"text": "a", "text_pair": "b"}]}, "unknown_field", "texts"),
        (CONVERSATION, {"messages": [USER], "texts": ["a"]}, "bad_request", "messages"),
        (CONVERSATION, {"texts": ["a"], "rows": [{"messages": [USER]}]}, "bad_request", "messages"),
    ],
)
def test_no_field_is_ignored(kind, body, code, field):
    refusal = refusal_of(kind, body)
    assert (refusal.status, refusal.code, refusal.field) == (422, code, field)


@pytest.mark.parametrize(
    ("kind", "body", "code", "field"),
    [
        (PAIR, {"text": "a", "text_pair": " "}, "missing_side", "text_pair"),
        (
            QUESTION,
            {"rows": [{"question": "a", "passage": "b"}, {"question": "", "passage": "b"}]},
            "missing_side",
            "rows.1.question",
        ),
        (MARKED_TEXT, {"text": "Acme won", "head": [0, 4], "tail": [0, 4]}, "bad_request", "text"),
        (MARKED_TEXT, {"text": "Acme won", "head": [0, True], "tail": [5, 8]}, "bad_request", "text"),
    ],
)
def test_a_question_that_no_model_could_answer_has_the_code_of_its_error(kind, body, code, field):
    refusal = refusal_of(kind, body)
    assert (refusal.status, refusal.code, refusal.field) == (422, code, field)


FAILURES = [
    (DataError("Row 1 says no. Say yes."), 422, DataError.code),
    (BaseModelError("It reads nothing. Take another."), 422, BaseModelError.code),
    (EndpointError("The model is away. Ask later."), 424, EndpointError.code),
]


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES)
def test_what_a_model_refuses_is_a_4xx_with_its_code(model, start, failure, status, code):
    client = start(build_app(lambda: model))

    def refuse(texts):
        raise failure

    model.predict = refuse
    answer = client.post("/v1/predict", json={"text": "hello"})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error.pop("request_id") == answer.headers["x-request-id"]
    assert error == {"code": code, "message": str(failure)}
