"""`POST /v1/predict`: one question, several, or one answer as a stream."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from metier.errors import MetierError
from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service
from metier.serving.messages import (
    BODY_SCHEMA,
    ManyAnswers,
    OneAnswer,
    read_request,
    write_answers,
    write_event,
)
from metier.serving.refusals import RefusalError, facts_of, our_fault, refusal_of
from metier.serving.request_middleware import log_failure

# A caller who sends too much still gets the reason, if it stops within this many times the limit.
PATIENCE = 8
# Keep proxies from buffering the answer.
NOT_BUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def build_predict(service: Service) -> Callable[..., Any]:
    """Give the function that answers."""
    engine, metrics, settings = service.engine, service.metrics, service.settings

    async def predict(request: Request) -> Response:
        """Answer one text (`text`) or several (`texts`); `/readyz` names the fields of other tasks.

        With `stream` a written answer comes piece by piece, as server-sent events.
        """
        body = await _read_body(request, settings.max_body_bytes)
        asked = read_request(body, settings, engine.input_kind)
        request.state.rows = len(asked.items)
        if asked.stream:
            pieces = engine.stream(asked.items[0])
            events = stream_events(pieces, engine.name, when_done=metrics.count_answers)
            return StreamingResponse(events, media_type="text/event-stream", headers=NOT_BUFFERED)
        answers, latency_ms = await engine.answer(asked.items)
        metrics.count_answers(answers.answered_by)
        return JSONResponse(write_answers(asked, answers, latency_ms))

    return predict


async def stream_events(
    pieces: AsyncGenerator[str], name: str, *, when_done: Callable[[Sequence[str]], None]
) -> AsyncIterator[str]:
    """Give the events of an answer: its pieces, then the whole text.

        data: {"piece": "Fear"}

        event: done
        data: {"text": "FearNet …", "answered_by": "generator.v1", "latency_ms": 812.4}

    If the model fails midway, the status was already sent, so an `event: error` reports it.

    Parameters
    ----------
    pieces : async generator of str
        Closed when the caller disconnects.
    name : str
        Versioned name of the method that answers.
    when_done : callable
        Called with the name of the answering method, once the answer is complete.
    """
    begun, text = time.perf_counter(), ""
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
    when_done([name])
    latency_ms = round(1000 * (time.perf_counter() - begun), 3)
    yield write_event({"text": text, "answered_by": name, "latency_ms": latency_ms}, kind="done")


async def _read_body(request: Request, limit: int) -> bytes:
    """Read a body, but never hold more than the limit."""
    body, found, headers = bytearray(), 0, {}
    async for chunk in request.stream():
        found += len(chunk)
        if found <= limit:
            body += chunk
        elif found > PATIENCE * limit:
            headers = {"Connection": "close"}  # Else the server would go on reading whatever still comes.
            break
    if found > limit:
        message = (
            f"The body has {found:,} bytes or more; {limit:,} are allowed. Send fewer texts in one request."
        )
        raise RefusalError(413, "body_too_large", message, headers=headers)
    return bytes(body)


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
