"""The service: a model, its limits and counts, and the endpoints of the table in `serving.endpoints`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from metier.bundles import Bundle
from metier.serving.answering import Answering
from metier.serving.bodies import Bodies
from metier.serving.endpoints import Service, endpoints
from metier.serving.endpoints.docs_page import add_docs_page
from metier.serving.guards.guarding import Guards
from metier.serving.guards.headers import SecurityHeaders
from metier.serving.metrics import Metrics
from metier.serving.model_collector import ModelCollector
from metier.serving.models import Changing, Models, Served
from metier.serving.prediction_log.recorder import PredictionRecorder
from metier.serving.refusals import add_refusals
from metier.serving.request_middleware import RequestMiddleware
from metier.serving.reviews.reviewing import Reviewing
from metier.serving.rolling_out.live import Following, NoRollOuts, RollsOut
from metier.serving.settings import ServingSettings
from metier.serving.short_cut import ShortCut, ShortCuts
from metier.serving.traces import build_tracer
from metier.serving.traffic import Traffic
from metier.serving.workers.board import WorkerBoard


def build_app(
    load: Served,
    settings: ServingSettings | None = None,
    *,
    when_ready: Callable[[Models], None] = lambda models: None,
    when_failed: Callable[[Exception], None] = lambda failure: None,
    board: WorkerBoard | None = None,
) -> FastAPI:
    """Build the service over a model, or over several by their names.

    Parameters
    ----------
    load : callable, mapping of str to callable, or Changing
        Gives the bundle, or anything else that answers texts; or one each by the name that requests call it; or where the
        models come from, as a registry. Called in a thread once the service listens, so that `/readyz` can report the
        loading.
    settings : ServingSettings or None
        The limits; None: the defaults.
    when_ready : callable
        Called with the models once all are loaded.
    when_failed : callable
        Called with the reason why loading failed; afterwards every request and `/readyz` get 503 with it.
    board : WorkerBoard or None
        Of the workers, of which this process is one; None: it is the whole service.
    """
    settings = settings or ServingSettings()
    guards = Guards(settings.guards)
    metrics, traffic, bodies = (
        Metrics(board, names_models=isinstance(load, Mapping | Changing)),
        Traffic(),
        Bodies(settings),
    )
    models = Models.of(load, settings, metrics)
    metrics.registry.register(ModelCollector(models))
    predictions = PredictionRecorder(settings.predictions, metrics.count_predictions)
    kept = settings.predictions
    reviews = Reviewing(settings.reviews, kept.where, texts=kept.texts, count=metrics.count_reviews)
    roll_outs = load.following(models, settings, models.threads) if isinstance(load, RollsOut) else NoRollOuts()

    def show_bundles() -> None:
        metrics.show_bundles([_bundle_facts(model.engine.check_ready()) for model in models.each])

    async def start() -> None:
        try:
            await models.start()
        except Exception as failure:
            when_failed(failure)
        else:
            models.when_replaced = show_bundles
            show_bundles()
            metrics.show_ready()
            roll_outs.start()
            when_ready(models)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        predictions.start()
        loading = asyncio.create_task(start())
        if board is not None and board.is_open:
            await loading  # Others answer meanwhile; this one accepts no connection before it can.
        yield
        loading.cancel()  # Nobody waits for a model that nobody will ask.
        with contextlib.suppress(asyncio.CancelledError):
            await loading
        models.stop()
        guards.close()
        await _store_the_rest(roll_outs, predictions)
        reviews.stop()

    app = FastAPI(title="Metier", version=version("metier"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.traffic, app.state.bodies, app.state.models = traffic, bodies, models
    service = Service(models, metrics, settings, traffic, bodies, predictions, roll_outs, reviews, board)
    _add_endpoints(app, service, guards)
    return app


def _add_endpoints(app: FastAPI, service: Service, guards: Guards) -> None:
    """Let an app answer at each endpoint, and put around them what every request passes, the outermost last."""
    settings, cuts = service.settings, ShortCuts()
    app.add_middleware(ShortCut, cuts=cuts)
    guards.add_to(app)
    app.add_middleware(
        RequestMiddleware,
        metrics=service.metrics,
        traffic=service.traffic,
        access_log=settings.access_log,
        timeout_ms=settings.request_timeout_ms or None,
        tracer=build_tracer() if settings.traces else None,
        masks=settings.guards.mask != "off",
    )
    app.add_middleware(SecurityHeaders, with_tls=settings.guards.with_tls)
    add_refusals(app)
    add_docs_page(app)
    for endpoint in endpoints():
        endpoint.add_to(app, service, cuts)


async def _store_the_rest(roll_outs: Following, predictions: PredictionRecorder) -> None:
    """Have told and stored what a service has not yet told and stored when it stops."""
    if roll_outs.runs:
        await asyncio.to_thread(roll_outs.stop)
    if predictions.is_kept:
        await asyncio.to_thread(predictions.stop)


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
