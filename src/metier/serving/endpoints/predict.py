"""`POST /v1/predict`: one question, several, or one answer as a stream."""

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service
from metier.serving.messages import BODY_SCHEMA, ManyAnswers, OneAnswer, read_request, write_answers
from metier.serving.refusals import RefusalError
from metier.serving.streaming import NOT_BUFFERED, stream_events

# A caller who sends too much still gets the reason, if it stops within this many times the limit.
PATIENCE = 8


def build_predict(service: Service) -> Callable[..., Any]:
    """Give the function that answers."""
    engine, metrics, settings = service.engine, service.metrics, service.settings

    async def predict(request: Request) -> Response:
        """Answer one text (`text`) or several (`texts`); `/readyz` names the fields of other tasks.

        With `stream` a written answer comes piece by piece, as server-sent events.
        """
        body = await _read_body(request, settings.max_body_bytes)
        asked = read_request(body, settings, engine.input_kind)
        if asked.stream:
            pieces = engine.stream(asked.items[0])
            events = stream_events(pieces, engine.name, when_done=metrics.count_answers)
            return StreamingResponse(events, media_type="text/event-stream", headers=NOT_BUFFERED)
        answers, latency_ms = await engine.answer(asked.items)
        metrics.count_answers(answers.answered_by)
        return JSONResponse(write_answers(asked, answers, latency_ms))

    return predict


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
