"""What goes over the wire: the request, read strictly, and the answers."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from metier.errors import suggest
from metier.predictors.answers import Answers
from metier.serving.refusals import RefusalError
from metier.serving.settings import ServingSettings


class PredictRequest(BaseModel, frozen=True, extra="forbid", strict=True):
    """One text, or several."""

    text: str | None = Field(default=None, description="One text to answer; or give `texts`.")
    texts: list[str] | None = Field(default=None, description="Several texts to answer in one request.")
    top: int | None = Field(
        default=None, ge=1, description="Give the probabilities of this many labels too, the likeliest first."
    )


class OneAnswer(BaseModel):
    """The answer to one text."""

    label: str
    probability: float = Field(description="Calibrated probability of the label, 0 to 1.")
    answered_by: str = Field(description="The method that had the last word.")
    probabilities: dict[str, float] | None = Field(default=None, description="Only where `top` was given.")
    latency_ms: float | None = Field(default=None, description="Time the model took, without waiting.")


class ManyAnswers(BaseModel):
    """The answers to several texts, in their order."""

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


def read_request(body: bytes, settings: ServingSettings) -> PredictRequest:
    """Read a request and hold it against the limits.

    The content type is not looked at: `curl -d` calls JSON a form, and there is only one thing a body can be.

    Raises
    ------
    RefusalError
        If the body is no JSON (400), has wrong fields (422), or asks for too much (413).
    """
    try:
        request = PredictRequest.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from None
    if (request.text is None) == (request.texts is None):
        found = "neither" if request.text is None else "both"
        message = f"Expected either 'text' (one text) or 'texts' (a list), found {found}."
        raise RefusalError(422, "bad_request", message, field="text")
    _check_limits(request, settings)
    return request


def _refusal(error: ValidationError) -> RefusalError:
    fault = error.errors(include_url=False, include_context=False)[0]
    if fault["type"] == "json_invalid":
        message = f'The body is not JSON ({fault["msg"]}). Send {{"text": "..."}} or {{"texts": ["..."]}}.'
        return RefusalError(400, "bad_json", message)
    field = ".".join(str(part) for part in fault["loc"]) or None
    if fault["type"] == "extra_forbidden":
        known = PredictRequest.model_fields
        message = f"There is no field {field!r}.{suggest(field or '', known)} Known: {', '.join(known)}."
        return RefusalError(422, "unknown_field", message, field=field)
    found = type(fault["input"]).__name__
    where = f"Field {field!r}" if field else "The body"
    return RefusalError(422, "bad_request", f"{where}: {fault['msg'].lower()}; found {found}.", field=field)


def _check_limits(request: PredictRequest, settings: ServingSettings) -> None:
    texts = texts_of(request)
    if not texts:
        message = "Expected at least one text in 'texts', found none."
        raise RefusalError(422, "bad_request", message, field="texts")
    if len(texts) > settings.max_rows:
        message = (
            f"{len(texts):,} texts in one request; {settings.max_rows:,} are allowed. "
            "Send them in several requests, or use `metier predict --input` for files."
        )
        raise RefusalError(413, "too_many_rows", message, field="texts")
    for position, text in enumerate(texts):
        if len(text) > settings.max_characters:
            field = "text" if request.texts is None else f"texts.{position}"
            message = (
                f"{len(text):,} characters in a text; {settings.max_characters:,} are allowed. Shorten it."
            )
            raise RefusalError(413, "text_too_long", message, field=field)


def texts_of(request: PredictRequest) -> list[str]:
    """The texts that a request asks about."""
    return [request.text] if request.text is not None else list(request.texts or ())


def write_answers(request: PredictRequest, answers: Answers, latency_ms: float) -> Mapping[str, Any]:
    """Give the answers in the form that the request asked for: one, or a list."""
    latency = round(latency_ms, 3)
    if request.text is not None:
        return {**answers.record(0, request.top), "latency_ms": latency}
    return {
        "answers": [answers.record(row, request.top) for row in range(len(answers))],
        "latency_ms": latency,
    }


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
