"""`/v1/reviews` and `/v1/answers/{id}`: what waits for a person, what a person decides, and the answer as it stands."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError

from metier.serving.answering import Labelled
from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service, json_body
from metier.serving.endpoints.feedback import check_correction
from metier.serving.guards.middleware import ANYBODY
from metier.serving.prediction_log.recorder import caller_of
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import parse_body, refusal_of_fields

if TYPE_CHECKING:
    from metier.serving.reviews.review_store import Review

MOST_LISTED = 500
MOST_NUMBER = 2**63 - 1  # That databases take.


class Decision(BaseModel, frozen=True, extra="forbid", strict=True, allow_inf_nan=False):
    """What a person says that the answer is."""

    decision: str | float | list[str] = Field(description="A label, several, a number, or a text.")
    comment: str | None = Field(default=None, max_length=4_000, description="Anything else.")


def build_list(service: Service) -> Callable[..., Any]:
    """Give the function that lists reviews."""

    async def reviews(
        state: Literal["waiting", "decided"] | None = None, after: int = 0, limit: int = 50
    ) -> Response:
        """List answers that wait for a person, the oldest first; go on with the `next` of the list as `after`."""
        after = max(-1, min(after, MOST_NUMBER))
        found = await service.reviews.list(state=state, after=after, limit=max(1, min(limit, MOST_LISTED)))
        facts: dict[str, Any] = {"reviews": [_facts(one) for one in found]}
        return JSONResponse(facts | {"next": found[-1].number if found else after})

    return reviews


def build_one(service: Service) -> Callable[..., Any]:
    """Give the function that shows a review."""

    async def review(review_id: str) -> Response:
        """Show an answer that waits for a person, or what was decided."""
        return JSONResponse(_facts(_found(await service.reviews.find(review_id), review_id)))

    return review


def build_decision(service: Service) -> Callable[..., Any]:
    """Give the function that takes a decision."""

    async def decide(request: Request, review_id: str) -> Response:
        """Say what the answer is (`decision`). Whoever is first decides; another decision later gets 409."""
        async with service.bodies.read(request) as body:
            asked = _read(parse_body(body, service.settings))
        about = _found(await service.reviews.find(review_id), review_id)
        labels = _labels(service, about)
        if labels is not None:
            check_correction(asked.decision, labels, field="decision")
        _check_form(asked.decision, about.answer)
        comment = None if asked.comment is None else service.predictions.kept_text(asked.comment)
        found = await service.reviews.decide(review_id, asked.decision, by=caller_of(request), comment=comment)
        stands = _found(found, review_id)
        _check_stands(stands, asked.decision)
        return JSONResponse(_facts(stands))

    return decide


def build_answer(service: Service) -> Callable[..., Any]:
    """Give the function that gives an answer as it stands."""

    async def answer(request: Request, review_id: str) -> Response:
        """Give an answer that waits or waited for a person as it stands now, to whoever asked for it."""
        found = await service.reviews.find(review_id)
        if found is not None and found.caller != caller_of(request):
            found = None  # That it is there is nobody else's business.
        return JSONResponse(_answer(_found(found, review_id), is_shown=service.settings.shows_waiting))

    return answer


def _answer(review: "Review", *, is_shown: bool) -> Mapping[str, Any]:
    state: dict[str, Any] = {"status": review.state, "id": review.id, "reasons": list(review.reasons)}
    if review.state == "waiting":
        return {"prediction_id": review.id, **(review.answer if is_shown else {}), "review": state}
    state |= {"decided_at": _written(review.decided_at)}
    given = {name: review.decision for name in ("label", "labels", "text") if name in review.answer}
    return {"prediction_id": review.id, **given, "decision": review.decision, "review": state}


def _facts(review: "Review") -> dict[str, Any]:
    return {
        "id": review.id,
        "number": review.number,
        "at": _written(review.at),
        "model": review.model,
        "version": review.version,
        "question": review.question,
        "answer": dict(review.answer),
        "reasons": list(review.reasons),
        "status": review.state,
        "decision": review.decision,
        "decided_at": _written(review.decided_at),
        "decided_by": review.decided_by,
        "comment": review.comment,
    }


def _written(time: Any) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds")


def _found(review: "Review | None", review_id: str) -> "Review":
    if review is None:
        message = f"There is no review {review_id[:40]!r}. Give the id of an answer whose `review` says that it waits."
        raise RefusalError(404, "unknown_review", message)
    return review


def _check_stands(review: "Review", decision: Any) -> None:
    if review.decision != decision:
        message = (
            f"{review.id} was decided already: {review.decision!r}, by {review.decided_by or ANYBODY.name}. A decision "
            "is the answer that was given; say what is wrong with it as feedback (POST /v1/feedback)."
        )
        raise RefusalError(409, "decided_already", message, field="decision")


def _read(found: Any) -> Decision:
    try:
        return Decision.model_validate(found)
    except ValidationError as error:
        raise refusal_of_fields(error) from None


def _check_form(decision: Any, answer: Mapping[str, Any]) -> None:
    """Raise RefusalError (422) where a decision could not be given in place of the answer."""
    found = f"{decision!r:.40}"
    if "labels" in answer:
        is_right = isinstance(decision, list)
        message = f"The answer is a list of labels, and the decision is {found}. Give a list of labels, too."
    else:
        is_right = isinstance(decision, str) or not answer.keys() & {"label", "text"}
        message = f"The answer is one text, and the decision is {found}. Give one text, too."
    if not is_right:
        raise RefusalError(422, "bad_request", message, field="decision")


def _labels(service: Service, about: "Review") -> tuple[str, ...] | None:
    """Give the labels that a decision may name; None: the answer has none, or its model is not served any more."""
    if not about.answer.keys() & {"label", "labels"}:
        return None
    for model in service.models.each:
        if model.name == about.model and isinstance(model.engine.model, Labelled):
            return tuple(model.engine.model.labels)
    return None


_RESPONSES = {404: {"model": REFUSALS[422]["model"], "description": "There is no such review."}, **REFUSALS}
LIST = Endpoint(
    "/v1/reviews",
    build_list,
    options={"summary": "List answers that wait for a person", "tags": ["reviewing"], "responses": REFUSALS},
)
ONE = Endpoint(
    "/v1/reviews/{review_id}",
    build_one,
    options={"summary": "Show an answer that waits", "tags": ["reviewing"], "responses": _RESPONSES},
)
DECISION = Endpoint(
    "/v1/reviews/{review_id}",
    build_decision,
    method="POST",
    options={
        "summary": "Decide what the answer is",
        "tags": ["reviewing"],
        "responses": {
            409: {"model": REFUSALS[422]["model"], "description": "Another decision stands already."},
            **_RESPONSES,
        },
        "openapi_extra": json_body(Decision.model_json_schema(), example={"decision": "card_arrival"}),
    },
)
ANSWER = Endpoint(
    "/v1/answers/{review_id}",
    build_answer,
    options={"summary": "Give an answer that waited for a person", "tags": ["asking"], "responses": _RESPONSES},
)
