"""The messages of the service: the forms of requests and of responses."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from metier.serving.multipart import FORM
from metier.serving.request_reading import PredictRequest, Questions
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import ANSWERS

Records = Sequence[Mapping[str, Any]]  # Answers as plain facts, one a question.


def _answer_model() -> type[BaseModel]:
    """Give the schema of one answer: the fields of every kind of record, and what all have."""
    fields: dict[str, Any] = {}
    for kind in ANSWERS.values():
        for name, (of, description) in kind.record.items():
            fields.setdefault(name, (of | None, Field(default=None, description=description)))
    return create_model(
        "OneAnswer",
        __config__=ConfigDict(extra="allow"),
        __doc__="The answer to one question; which fields it has depends on the task.",
        **fields,
        out_of_scope=(
            bool | None,
            Field(
                default=None, description="Whether no label fits; only where the model carries a rule for it."
            ),
        ),
        scope_score=(
            float | None,
            Field(
                default=None,
                description="How little the question suits any label; above the rule's cut none does.",
            ),
        ),
        answered_by=(str, Field(description="The method that answered.")),
        prediction_id=(str, Field(description="Id of this answer, for feedback; sorts by time.")),
        model=(str | None, Field(default=None, description="Name of the model, where several are served.")),
        version=(int | None, Field(default=None, description="Its version, where a registry is served.")),
        probabilities=(
            dict[str, float] | None,
            Field(default=None, description="Only where `top` was given."),
        ),
        latency_ms=(
            float | None,
            Field(default=None, description="Time the model took, without waiting."),
        ),
    )


OneAnswer = _answer_model()


class ManyAnswers(BaseModel):
    """The answers to several questions, in their order."""

    answers: list[OneAnswer]  # type: ignore[valid-type]  # Made of the kinds above.
    model: str | None = Field(default=None, description="Name of the model, where several are served.")
    version: int | None = Field(default=None, description="Its version, where a registry is served.")
    latency_ms: float = Field(description="Time the model took for all of them, without waiting.")


class ErrorFacts(BaseModel):
    """Why there is no answer."""

    code: str = Field(description="Machine-readable code of the error.")
    message: str = Field(description="What was found, what was expected, what to do.")
    field: str | None = Field(default=None, description="The field at fault, where there is one.")
    request_id: str | None = Field(
        default=None, description="Id of the request, also in the header X-Request-ID and in the log."
    )


class ErrorAnswer(BaseModel):
    """What comes instead of an answer."""

    error: ErrorFacts


def records_of(asked: Questions, answered: Sequence[AnswerBatch]) -> Records:
    """Give the answers, in batches, as plain facts, one a question."""
    return [batch.record(row, asked.top) for batch in answered for row in range(len(batch))]


def write_answers(
    asked: Questions, records: Records, latency_ms: float, facts: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Give the answers in the form that the request asked for: one, or a list; with facts about the model."""
    latency = round(latency_ms, 3)
    if asked.is_one:
        return {**records[0], **facts, "latency_ms": latency}
    return {"answers": list(records), **facts, "latency_ms": latency}


def write_event(facts: Mapping[str, Any], *, kind: str | None = None) -> str:
    """Give a server-sent event; without a kind it is a `message`, as the standard calls it."""
    named = f"event: {kind}\n" if kind else ""
    return f"{named}data: {json.dumps(facts, ensure_ascii=False)}\n\n"


# What /docs shows of the body, which the endpoint reads by itself.
BODY_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": PredictRequest.model_json_schema(),
                "examples": {
                    "one": {"summary": "one text", "value": {"text": "my card never came", "top": 3}},
                    "many": {
                        "summary": "several texts",
                        "value": {"texts": ["my card never came", "a refund please"]},
                    },
                },
            },
            FORM: {
                "schema": {
                    "type": "object",
                    "description": "One question whose image or recording is sent as a file.",
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "audio": {"type": "string", "format": "binary"},
                        "text": {"type": "string"},
                        "top": {"type": "integer"},
                    },
                }
            },
        },
    }
}
