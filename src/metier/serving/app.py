"""The service: one endpoint that answers, three that say how it is, and a page to try it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from metier.bundles import Bundle
from metier.serving.docs_page import add_docs_page
from metier.serving.engine import Answering, Engine
from metier.serving.messages import (
    BODY_SCHEMA,
    ErrorAnswer,
    ManyAnswers,
    OneAnswer,
    read_request,
    write_answers,
)
from metier.serving.metrics import MeasuringMiddleware, Metrics
from metier.serving.refusals import RefusalError, add_refusals
from metier.serving.settings import ServingSettings
from metier.serving.streaming import NOT_HELD_UP, stream_events

# A caller who sends too much still reads why, if it stops within this many times the limit.
PATIENCE = 8
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "The body is not JSON."},
    413: {"model": ErrorAnswer, "description": "More than the service takes in one request."},
    422: {"model": ErrorAnswer, "description": "A field is missing, unknown or of the wrong kind."},
    500: {"model": ErrorAnswer, "description": "Our fault."},
    503: {"model": ErrorAnswer, "description": "Not loaded yet, or too many requests wait. See Retry-After."},
}


def build_app(
    load: Callable[[], Answering],
    settings: ServingSettings | None = None,
    *,
    when_ready: Callable[[Answering], None] = lambda model: None,
    when_failed: Callable[[Exception], None] = lambda failure: None,
) -> FastAPI:
    """Build the service over a model.

    Parameters
    ----------
    load : callable
        Gives the bundle, or anything else that answers texts. Called in a thread once the service listens, so
        that `/readyz` can say that loading goes on.
    settings : ServingSettings or None
        The limits; None takes the defaults.
    when_ready : callable
        Told the loaded model.
    when_failed : callable
        Told why loading failed; from then on every request and `/readyz` get 503 with the reason.
    """
    settings = settings or ServingSettings()
    engine, metrics = Engine(load, settings), Metrics()

    async def start() -> None:
        try:
            model = await engine.start()
        except Exception as failure:
            when_failed(failure)
        else:
            metrics.bundle.info(_bundle_facts(model))
            when_ready(model)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(start())
        yield
        await loading
        engine.stop()

    app = FastAPI(title="Metier", version=version("metier"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(MeasuringMiddleware, metrics=metrics)
    add_refusals(app)
    add_docs_page(app)
    _add_answering(app, engine, metrics, settings)
    _add_probes(app, engine, metrics)
    return app


def _add_answering(app: FastAPI, engine: Engine, metrics: Metrics, settings: ServingSettings) -> None:
    async def predict(request: Request) -> Response:
        """Answer one text (`text`) or several (`texts`); other tasks say in `/readyz` what they ask for.

        With `stream` a written answer comes piece by piece, as server-sent events.
        """
        body = await _read_body(request, settings.max_body_bytes)
        asked = read_request(body, settings, engine.input_keys)
        if asked.stream:
            pieces = engine.stream(asked.items[0])
            events = stream_events(pieces, engine.name, when_done=metrics.count_answers)
            return StreamingResponse(events, media_type="text/event-stream", headers=NOT_HELD_UP)
        answers, latency_ms = await engine.answer(asked.items)
        metrics.count_answers(answers.answered_by)
        return JSONResponse(write_answers(asked, answers, latency_ms))

    app.add_api_route(
        "/v1/predict",
        predict,
        methods=["POST"],
        summary="Answer one text, or several",
        tags=["asking"],
        response_model=OneAnswer | ManyAnswers,
        responses=REFUSALS,
        openapi_extra=BODY_SCHEMA,
    )


def _add_probes(app: FastAPI, engine: Engine, metrics: Metrics) -> None:
    async def healthz() -> dict[str, str]:
        """Say that the process is alive."""
        return {"status": "alive"}

    async def readyz() -> dict[str, Any]:
        """Say whether the model is loaded, 200 or 503 until then, and what it is asked with."""
        engine.check_ready()
        return {"status": "ready", "asks_for": list(engine.input_keys)}

    async def figures() -> Response:
        """Give the counts in the format of Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def start_page() -> RedirectResponse:
        return RedirectResponse("/docs")

    app.add_api_route("/healthz", healthz, summary="Is the process alive?", tags=["watching"])
    app.add_api_route(
        "/readyz", readyz, responses={503: REFUSALS[503]}, summary="Is the model loaded?", tags=["watching"]
    )
    app.add_api_route(
        "/metrics", figures, response_class=Response, summary="Counts for Prometheus", tags=["watching"]
    )
    app.add_api_route("/", start_page, include_in_schema=False)


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


def _bundle_facts(model: Answering) -> dict[str, str]:
    facts = {"metier_version": version("metier")}
    if isinstance(model, Bundle):
        manifest = model.manifest
        facts |= {
            "name": manifest.name,
            "task": manifest.task.name,
            "predictor_kind": manifest.predictor.kind,
            "trained_on": manifest.data.fingerprint[:12],
            "created": manifest.created.isoformat(),
        }
    return facts
