"""`POST /v1/feedback`: what an answer should have been, whether it helped, and what somebody says about it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError

from metier.errors import quoted, suggest
from metier.serving.answering import Labelled
from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service, json_body
from metier.serving.prediction_log.recorder import caller_of, check_prediction_id
from metier.serving.prediction_log.records import Correction, Feedback, Prediction
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import parse_body, refusal_of_fields, unknown_field

SAYS = ("correction", "thumb", "comment")
MOST_NAMED = 10


class FeedbackRequest(BaseModel, frozen=True, extra="allow", strict=True, allow_inf_nan=False):
    """Feedback on one answer: at least one of a correction, a thumb and a comment."""

    prediction_id: str = Field(description="The `prediction_id` of the answer.")
    correction: str | float | list[str] | None = Field(
        default=None, description="What it should have been: a label, several, a number, or a text."
    )
    thumb: Literal["up", "down"] | None = Field(default=None, description="Whether the answer helped.")
    comment: str | None = Field(default=None, max_length=4_000, description="Anything else.")


class FeedbackKept(BaseModel):
    """What was stored."""

    prediction_id: str
    stored: bool = True


def build_feedback(service: Service) -> Callable[..., Any]:
    """Give the function that takes feedback."""
    settings, bodies, predictions = service.settings, service.bodies, service.predictions

    async def feedback(request: Request) -> Response:
        """Say what an answer should have been (`correction`), whether it helped (`thumb`), or anything else (`comment`).

        The latest correction counts, and all are kept. Answered once it is stored.
        """
        async with bodies.read(request) as body:
            asked = read_feedback(parse_body(body, settings))
        check_prediction_id(asked.prediction_id)
        about = await predictions.find(asked.prediction_id)
        labels = labels_of(service, about)
        if labels is not None:
            check_correction(asked.correction, labels)
        said = Feedback(
            prediction_id=about.id,
            at=datetime.now(UTC),
            correction=_kept(asked.correction, labels, predictions.kept_text),
            thumb=asked.thumb,
            comment=None if asked.comment is None else predictions.kept_text(asked.comment),
            caller=caller_of(request),
        )
        await predictions.add_feedback(said)
        live = service.roll_outs.live_of(about.model)
        if live is not None:
            shadows = await predictions.shadows_of(about.id) if live.running.is_shadow else []
            live.note_feedback(about.with_feedback((*about.feedback, said)), shadows)
        return JSONResponse({"prediction_id": about.id, "stored": True})

    return feedback


def read_feedback(found: Any) -> FeedbackRequest:
    """Give the fields of feedback; raises RefusalError (422) where they are wrong, or say nothing."""
    try:
        asked = FeedbackRequest.model_validate(found)
    except ValidationError as error:
        raise refusal_of_fields(error) from None
    for field in asked.model_extra or {}:
        raise unknown_field(field, list(FeedbackRequest.model_fields))
    if all(value is None for value in (asked.correction, asked.thumb, asked.comment)):
        message = f"Expected at least one of {', '.join(SAYS)}, found none. Give one, or leave the request out."
        raise RefusalError(422, "bad_request", message, field="correction")
    return asked


def labels_of(service: Service, about: Prediction) -> Sequence[str] | None:
    """Give the labels that a correction may name; None: the answer has none, or its model is not served any more."""
    if not about.answer.keys() & {"label", "labels"}:
        return None
    for model in service.models.each:
        if model.name == about.model and isinstance(model.engine.model, Labelled):
            return model.engine.model.labels
    return None


def check_correction(correction: Correction, labels: Sequence[str], *, field: str = "correction") -> None:
    """Raise RefusalError (422) where a correction names no label of the model."""
    if correction is None:
        return
    for label in correction if isinstance(correction, list) else [correction]:
        if label not in labels:
            some = ", ".join(labels[:MOST_NAMED]) + (", ..." if len(labels) > MOST_NAMED else "")
            hint = suggest(str(label), labels)
            message = f"The model has no label {quoted(label)}.{hint} Its labels: {some}."
            raise RefusalError(422, "unknown_label", message, field=field)


def _kept(
    correction: Correction, labels: Sequence[str] | None, keep: Callable[[str], str | None]
) -> Correction:
    """Give a correction as it is stored: labels as they are, other texts as the policy keeps texts."""
    if labels is not None or not isinstance(correction, str | list):
        return correction
    if isinstance(correction, str):
        return keep(correction)
    return [kept for kept in map(keep, correction) if kept is not None]


FEEDBACK = Endpoint(
    "/v1/feedback",
    build_feedback,
    method="POST",
    options={
        "summary": "Say what an answer should have been, or whether it helped",
        "tags": ["asking"],
        "response_model": FeedbackKept,
        "responses": {
            404: {"model": REFUSALS[422]["model"], "description": "There is no such prediction."},
            **REFUSALS,
        },
        "openapi_extra": json_body(
            FeedbackRequest.model_json_schema(),
            examples={
                "correction": {
                    "summary": "the right label",
                    "value": {
                        "prediction_id": "019acfd2-7a30-7c41-9b0e-52d9b81f4a77",
                        "correction": "card_arrival",
                    },
                }
            },
        ),
    },
)
