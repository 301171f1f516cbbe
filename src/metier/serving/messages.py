"""What goes over the wire: the request, read strictly, and the answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from metier.errors import suggest
from metier.predictors.answers import AnswerBatch
from metier.serving.refusals import RefusalError
from metier.serving.settings import ServingSettings
from metier.tasks.inputs import input_of


class PredictRequest(BaseModel, frozen=True, extra="allow", strict=True):
    """One question, or several. What a question consists of depends on the task that is served."""

    text: str | None = Field(default=None, description="One text to answer; or give `texts`.")
    texts: list[str] | None = Field(default=None, description="Several texts to answer in one request.")
    rows: list[dict[str, Any]] | None = Field(
        default=None, description="Several questions of a task that asks about more than one text."
    )
    top: int | None = Field(
        default=None, ge=1, description="Give the probabilities of this many labels too, the likeliest first."
    )
    stream: bool = Field(
        default=False,
        description='Give one written answer piece by piece, as server-sent events: `data: {"piece": …}` each, '
        "then `event: done` with the whole answer. For models that write.",
    )


class OneAnswer(BaseModel, extra="allow"):
    """The answer to one question; which fields it has depends on the task."""

    label: str | None = Field(default=None, description="Where the answer is one label.")
    probability: float | None = Field(default=None, description="Calibrated probability of it, 0 to 1.")
    labels: dict[str, float] | None = Field(default=None, description="Where the answer is a set of labels.")
    spans: list[dict[str, Any]] | None = Field(default=None, description="Where parts of the text are marked.")
    answer: str | None = Field(default=None, description="Where a passage answers; empty: it does not.")
    score: float | None = Field(default=None, description="Where the answer is a number.")
    text: str | None = Field(default=None, description="Where the answer is a text.")
    answered_by: str = Field(description="The method that had the last word.")
    probabilities: dict[str, float] | None = Field(default=None, description="Only where `top` was given.")
    latency_ms: float | None = Field(default=None, description="Time the model took, without waiting.")


class ManyAnswers(BaseModel):
    """The answers to several questions, in their order."""

    answers: list[OneAnswer]
    latency_ms: float = Field(description="Time the model took for all of them, without waiting.")


class ErrorFacts(BaseModel):
    """Why there is no answer."""

    code: str = Field(description="One word for programs.")
    message: str = Field(description="What was found, what was expected, what to do.")
    field: str | None = Field(default=None, description="The field at fault, where there is one.")


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
    is_one : bool
        Whether one answer goes back, or a list.
    top : int or None
    """

    items: list[Any]
    is_one: bool
    top: int | None
    stream: bool = False


def read_request(body: bytes, settings: ServingSettings, input_keys: Sequence[str] = ("text",)) -> Questions:
    """Read a request and hold it against the limits.

    The content type is not looked at: `curl -d` calls JSON a form, and there is only one thing a body can be.

    Parameters
    ----------
    input_keys : sequence of str
        What a question of the served task consists of.

    Raises
    ------
    RefusalError
        If the body is no JSON (400), has wrong fields (422), or asks for too much (413).
    """
    try:
        request = PredictRequest.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from None
    asked = _asked(request, input_keys)
    _check_limits(asked, settings)
    return asked


def _asked(request: PredictRequest, keys: Sequence[str]) -> Questions:
    extra = dict(request.model_extra or {})
    own = {**({"text": request.text} if request.text is not None else {}), **extra}
    is_text = tuple(keys) == ("text",)
    known = ["text", "texts"] if is_text else [*keys, *input_of(keys).optional_keys, "rows"]
    known += ["top", "stream"]
    for field in own:
        if field not in known:
            message = f"There is no field {field!r}.{suggest(field, known)} Known: {', '.join(known)}."
            raise RefusalError(422, "unknown_field", message, field=field)
    several = request.texts if is_text or request.rows is None else request.rows
    if (several is None) == (not own):
        found = "neither" if several is None else "both"
        one, many = ("'text' (one text)", "'texts'") if is_text else (" and ".join(map(repr, keys)), "'rows'")
        message = f"Expected either {one} or {many} (a list), found {found}."
        raise RefusalError(422, "bad_request", message, field=keys[0])
    items = list(several) if several is not None else [own["text"] if is_text or set(own) == {"text"} else own]
    _check_items(items, keys, many="texts" if is_text else "rows", is_one=several is None)
    if request.stream and several is not None:
        message = "One answer is streamed at a time, found a list. Ask one question, or leave out 'stream'."
        raise RefusalError(422, "bad_request", message, field="stream")
    return Questions(items, several is None, request.top, request.stream)


def _check_items(items: Sequence[Any], keys: Sequence[str], *, many: str, is_one: bool) -> None:
    if not items:
        message = f"Expected at least one question in {many!r}, found none."
        raise RefusalError(422, "bad_request", message, field=many)
    for position, item in enumerate(items):
        fault = input_of(keys).fault(item)
        if fault:
            field = keys[0] if is_one else f"{many}.{position}"
            raise RefusalError(422, "bad_request", f"Field {field!r}: {fault}", field=field)


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
    many = "texts" if all(isinstance(item, str) for item in asked.items) else "rows"
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
