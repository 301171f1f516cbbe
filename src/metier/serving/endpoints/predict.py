"""`POST /v1/predict`: one question, several, or one answer as a stream."""

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect

from metier.errors import MetierError
from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service
from metier.serving.guards.middleware import note_rows
from metier.serving.messages import (
    BODY_SCHEMA,
    ManyAnswers,
    OneAnswer,
    Records,
    records_of,
    write_answers,
    write_event,
)
from metier.serving.models import Model
from metier.serving.prediction_log.recorder import caller_of, subject_of
from metier.serving.refusals import facts_of, our_fault, refusal_of
from metier.serving.request_ids import current_request_id
from metier.serving.request_middleware import log_failure
from metier.serving.request_reading import PredictRequest, Questions, read_fields, read_questions
from metier.serving.rolling_out.turns import Turn, Who, shadow_of, take_turn

T = TypeVar("T")
SOON_SECONDS = 0.02  # Most answers have come by then, and nobody had to listen whether their callers hang up.
# Keep proxies from buffering the answer.
NOT_BUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Asking:
    """One request to answer: what asks a model, and what notes the answers.

    Parameters
    ----------
    service : Service
    request : Request
    asked : Questions
    """

    service: Service
    request: Request
    asked: Questions

    async def answer(self, model: Model) -> tuple[Records, float]:
        """Ask a model, unless the caller hangs up; gives the answers and the milliseconds that the model took."""
        engine, items, caller = model.engine, self.asked.items, caller_of(self.request) or ""
        found = engine.answer_now(items, caller=caller)
        if found is None:
            found = await unless_gone(self.request, engine.answer(items, caller=caller))
        answered, latency_ms = found
        return records_of(self.asked, answered), latency_ms

    def note(self, model: Model, records: Records, latency_ms: float, *, role: str = "champion") -> Records:
        """Count answers and have them stored; gives them with their ids."""
        of_model: dict[str, Any] = {"model": model.name, "version": model.version}
        metrics = self.service.metrics
        metrics.count_answers([record["answered_by"] for record in records], **of_model)
        metrics.count_confidence(
            [record["probability"] for record in records if "probability" in record], **of_model
        )
        return self.service.predictions.note(self.request, model, self.asked, records, latency_ms, role=role)

    async def held(self, model: Model, records: Records) -> Records:
        """Have answers wait for a person where a policy says so; gives them with their state."""
        reviews = self.service.reviews
        return await reviews.hold(self.request, model, self.asked, records) if reviews.is_on else records

    def note_shadow(self, ids: Sequence[str], turn: Turn) -> None:
        """Have the answers of a shadow stored beside those that were given."""
        self.service.predictions.note(
            self.request, turn.model, self.asked, turn.records, turn.latency_ms, role=turn.role, of=ids
        )


def build_predict(service: Service) -> Callable[..., Any]:
    """Give the function that answers."""
    models, settings, bodies, roll_outs = service.models, service.settings, service.bodies, service.roll_outs

    async def predict(request: Request) -> Response:
        """Answer one text (`text`) or several (`texts`); `/readyz` names the fields of other tasks.

        A form (multipart/form-data) may hold an image or a recording as a file.

        With `stream` a written answer comes piece by piece, as server-sent events.
        """
        async with bodies.read(request) as body:
            content_type = request.headers.get("content-type", "")
            kind = models.first.engine.input_kind
            fields = read_fields(PredictRequest, body, settings, kind, content_type=content_type)
            del body
            named, model = fields.model, models.find(fields.model)
            engine = model.engine
            asked = read_questions(fields, settings, engine.input_kind, takes_blanks=engine.takes_blanks)
            del fields
            asking = Asking(service, request, asked)
            note_rows(request, len(asked.items), asked.subject)
            if asked.stream:
                pieces = engine.stream(asked.items[0])
                events = stream_events(pieces, model, when_done=functools.partial(asking.note, model))
                return StreamingResponse(events, media_type="text/event-stream", headers=NOT_BUFFERED)
            who = Who(subject_of(request, asked) or caller_of(request), current_request_id() or "")
            turn = await take_turn(model, roll_outs.live(model, named), who, asking.answer)
        records = asking.note(turn.model, turn.records, turn.latency_ms, role=turn.role)
        keep = functools.partial(asking.note_shadow, [record["prediction_id"] for record in records])
        records = await asking.held(turn.model, records)
        return JSONResponse(
            write_answers(asked, records, turn.latency_ms, turn.model.facts),
            background=shadow_of(turn, asked, who, roll_outs, keep),
        )

    return predict


async def stream_events(
    pieces: AsyncGenerator[str], model: Model, *, when_done: Callable[[Records, float], Records]
) -> AsyncIterator[str]:
    """Give the events of an answer: its pieces, then the whole text.

        data: {"piece": "Fear"}

        event: done
        data: {"text": "FearNet …", "answered_by": "generator.v1", "prediction_id": "0193…", "latency_ms": 812.4}

    If the model fails midway, the status was already sent, so an `event: error` reports it.

    Parameters
    ----------
    pieces : async generator of str
        Closed when the caller disconnects.
    model : Model
        The one that answers.
    when_done : callable
        Called with the whole answer, once it is complete, and its milliseconds; gives it with its id.
    """
    begun, text, name = time.perf_counter(), "", model.engine.name
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                text += piece
                yield write_event({"piece": piece})
    except Exception as failure:
        refusal = refusal_of(failure) if isinstance(failure, MetierError) else our_fault()
        log_failure(failure)
        yield write_event({"error": facts_of(refusal)}, kind="error")
        return
    latency_ms = round(1000 * (time.perf_counter() - begun), 3)
    [whole] = when_done([{"text": text, "answered_by": name}], latency_ms)
    yield write_event({**whole, **model.facts, "latency_ms": latency_ms}, kind="done")


async def unless_gone(request: Request, answering: Coroutine[Any, Any, T]) -> T:
    """Give what is being answered, or stop answering once the caller has hung up; raises `ClientDisconnect` then."""
    answer = asyncio.create_task(answering)
    try:
        await asyncio.wait((answer,), timeout=SOON_SECONDS)
    except asyncio.CancelledError:
        await _take_back(answer)
        raise
    if answer.done():
        return answer.result()
    gone = asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        gone.cancel()
        await _take_back(answer)


async def _take_back(answer: "asyncio.Task[Any]") -> None:
    """Cancel an answer before anybody is told: else a thread that is free just then would still begin with it."""
    if not answer.done():
        answer.cancel()
        await asyncio.wait((answer,))


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


PREDICT = Endpoint(
    "/v1/predict",
    build_predict,
    method="POST",
    is_direct=True,
    options={
        "summary": "Answer one text, or several",
        "tags": ["asking"],
        "response_model": OneAnswer | ManyAnswers,
        "responses": REFUSALS,
        "openapi_extra": BODY_SCHEMA,
    },
)
