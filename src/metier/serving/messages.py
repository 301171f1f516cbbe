"""The messages of the service: requests, strictly validated, and responses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from metier.errors import MetierError, suggest
from metier.serving.engine import ServingSettings
from metier.serving.refusals import RefusalError
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import ANSWERS
from metier.tasks.inputs import TEXT, InputKind


class PredictRequest(BaseModel, frozen=True, extra="allow", strict=True):
    """One question, or several. What a question consists of depends on the task that is served."""

    text: str | None = Field(default=None, description="One text to answer; or give `texts`.")
    texts: list[str] | None = Field(default=None, description="Several texts to answer in one request.")
    rows: list[dict[str, Any]] | None = Field(
        default=None, description="Several inputs of a task whose input has more than one text."
    )
    top: int | None = Field(
        default=None,
        ge=1,
        description="Also return the probabilities of this many labels, the most probable first.",
    )
    stream: bool = Field(
        default=False,
        description='Stream one generated text as server-sent events: `data: {"piece": …}` each, '
        "then `event: done` with the whole answer. For generative models.",
    )


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
        answered_by=(str, Field(description="The method that answered.")),
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


@dataclass(frozen=True)
class Questions:
    """A request, read.

    Parameters
    ----------
    items : list
        What is asked, as the task takes it.
    field : str or None
        The field whose list the items are; None: there is one, and one answer goes back.
    top : int or None
    stream : bool
    """

    items: list[Any]
    field: str | None
    top: int | None
    stream: bool = False

    @property
    def is_one(self) -> bool:
        """Whether one answer goes back, or a list."""
        return self.field is None


def read_request(body: bytes, settings: ServingSettings, kind: InputKind = TEXT) -> Questions:
    """Read a request and compare it with the limits.

    The content type is not looked at: `curl -d` calls JSON a form, and there is only one thing a body can be.

    Parameters
    ----------
    kind : InputKind
        What is asked of the served task.

    Raises
    ------
    RefusalError
        If the body is not JSON (400), has wrong fields or a question that cannot be answered (422), or asks for too
        much (413).
    """
    try:
        request = PredictRequest.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from None
    read = _read_fields(request, kind)
    _check_limits(read, settings)
    _check_questions(read, kind)
    return read


def _read_fields(request: PredictRequest, kind: InputKind) -> Questions:
    own = dict(request.model_extra or {}) | ({} if request.text is None else {"text": request.text})
    given = {"texts": request.texts, "rows": request.rows}
    lists = {name: items for name, items in given.items() if items is not None}
    takes_texts = kind.fault("") is None
    several = "texts" if takes_texts else "rows"
    known = [*kind.keys, *kind.optional_keys, several, *(["rows"] if takes_texts and kind is not TEXT else [])]
    for field in (*own, *lists):
        if field not in known:
            shown = [*known, "top", "stream"]
            message = f"There is no field {field!r}.{suggest(field, shown)} Known: {', '.join(shown)}."
            raise RefusalError(422, "unknown_field", message, field=field)
    if len(lists) + bool(own) != 1:
        found = "neither" if not (own or lists) else "both"
        one = "'text' (one text)" if kind is TEXT else " and ".join(map(repr, kind.keys))
        message = f"Expected either {one} or {several!r} (a list), found {found}."
        raise RefusalError(422, "bad_request", message, field=kind.keys[0])
    if request.stream and lists:
        message = (
            "Only one answer can be streamed at a time, found a list. Send one input, or leave out 'stream'."
        )
        raise RefusalError(422, "bad_request", message, field="stream")
    if not lists:
        return Questions(
            [own["text"] if set(own) == {"text"} and takes_texts else own], None, request.top, request.stream
        )
    [(name, items)] = lists.items()
    return Questions(list(items), name, request.top)


def _check_questions(read: Questions, kind: InputKind) -> None:
    """Refuse questions of another form, and those that no model of the task could answer."""
    if not read.items:
        message = f"Expected at least one question in {read.field!r}, found none."
        raise RefusalError(422, "bad_request", message, field=read.field)
    for position, item in enumerate(read.items):
        field = kind.keys[0] if read.field is None else f"{read.field}.{position}"
        fault = kind.fault(item)
        if fault:
            raise RefusalError(422, "bad_request", f"Field {field!r}: {fault}", field=field)
        try:
            kind.read([item], origin=f"field {field!r}")
        except MetierError as error:
            raise RefusalError(422, error.code, str(error), field=field) from None


def _refusal(error: ValidationError) -> RefusalError:
    fault = error.errors(include_url=False, include_context=False)[0]
    if fault["type"] == "json_invalid":
        message = f'The body is not JSON ({fault["msg"]}). Send {{"text": "..."}} or {{"texts": ["..."]}}.'
        return RefusalError(400, "bad_json", message)
    field = ".".join(str(part) for part in fault["loc"]) or None
    found = type(fault["input"]).__name__
    where = f"Field {field!r}" if field else "The body"
    return RefusalError(422, "bad_request", f"{where}: {fault['msg'].lower()}; found {found}.", field=field)


def _check_limits(asked: Questions, settings: ServingSettings) -> None:
    many = asked.field or "texts"
    if len(asked.items) > settings.max_rows:
        message = (
            f"{len(asked.items):,} {many} in one request; {settings.max_rows:,} are allowed. "
            "Send them in several requests, or use `metier predict --input` for files."
        )
        raise RefusalError(413, "too_many_rows", message, field=many)
    for position, item in enumerate(asked.items):
        characters = _characters(item)
        if characters > settings.max_characters:
            field = "text" if asked.is_one else f"{many}.{position}"
            message = (
                f"{characters:,} characters in a text; {settings.max_characters:,} are allowed. Shorten it."
            )
            raise RefusalError(413, "text_too_long", message, field=field)


def _characters(item: Any) -> int:
    """Characters of all texts in an item."""
    if isinstance(item, str):
        return len(item)
    parts = item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
    return sum(map(_characters, parts))


def write_answers(asked: Questions, answers: AnswerBatch, latency_ms: float) -> Mapping[str, Any]:
    """Give the answers in the form that the request asked for: one, or a list."""
    latency = round(latency_ms, 3)
    if asked.is_one:
        return {**answers.record(0, asked.top), "latency_ms": latency}
    return {
        "answers": [answers.record(row, asked.top) for row in range(len(answers))],
        "latency_ms": latency,
    }


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
            }
        },
    }
}
