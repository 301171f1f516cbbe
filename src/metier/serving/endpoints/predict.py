"""`POST /v1/predict`: one question, several, or one answer as a stream."""

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
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
from metier.serving.refusals import facts_of, our_fault, refusal_of
from metier.serving.request_middleware import log_failure
from metier.serving.request_reading import PredictRequest, Questions, read_fields, read_questions

T = TypeVar("T")
# Keep proxies from buffering the answer.
NOT_BUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def build_predict(service: Service) -> Callable[..., Any]:
    """Give the function that answers."""
    models, metrics = service.models, service.metrics
    settings, bodies = service.settings, service.bodies

    def note(request: Request, model: Model, asked: Questions, records: Records, latency_ms: float) -> Records:
        of_model: dict[str, Any] = {"model": model.name, "version": model.version}
        metrics.count_answers([record["answered_by"] for record in records], **of_model)
        metrics.count_confidence(
            [record["probability"] for record in records if "probability" in record], **of_model
        )
        return service.predictions.note(request, model, asked, records, latency_ms)

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
            model = models.find(fields.model)
            engine = model.engine
            asked = read_questions(fields, settings, engine.input_kind, takes_blanks=engine.takes_blanks)
            del fields
            note_rows(request, len(asked.items), asked.subject)
            if asked.stream:
                pieces = engine.stream(asked.items[0])
                events = stream_events(pieces, model, when_done=functools.partial(note, request, model, asked))
                return StreamingResponse(events, media_type="text/event-stream", headers=NOT_BUFFERED)
            answered, latency_ms = await unless_gone(
                request, engine.answer(asked.items, caller=caller_of(request))
            )
        records = note(request, model, asked, records_of(asked, answered), latency_ms)
        return JSONResponse(write_answers(asked, records, latency_ms, model.facts))

    return predict


def caller_of(request: Request) -> str:
    """Give the name of the key that a request came with; empty: it came with none."""
    caller = request.scope.get("state", {}).get("caller")
    return "" if caller is None else str(caller.name)


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
    answer, gone = asyncio.create_task(answering), asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        answer.cancel()
        gone.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


PREDICT = Endpoint(
    "/v1/predict",
    build_predict,
    method="POST",
    options={
        "summary": "Answer one text, or several",
        "tags": ["asking"],
        "response_model": OneAnswer | ManyAnswers,
        "responses": REFUSALS,
        "openapi_extra": BODY_SCHEMA,
    },
)
