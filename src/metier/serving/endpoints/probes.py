"""`GET /healthz`, `/readyz` and `/metrics`: health and metrics of the service."""

from collections.abc import Callable
from typing import Any

from fastapi.responses import Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service
from metier.serving.models import Model
from metier.serving.refusals import RETRY_AFTER, RefusalError, stopping


def build_healthz(service: Service) -> Callable[..., Any]:
    """Give the function that answers as long as the process lives."""

    async def healthz() -> dict[str, str]:
        """Say that the process is alive."""
        return {"status": "alive"}

    return healthz


def build_readyz(service: Service) -> Callable[..., Any]:
    """Give the function that answers once every model is loaded."""

    async def readyz() -> dict[str, Any]:
        """Say what questions consist of: 200 while they are answered, 503 before and after that."""
        if service.traffic.is_stopping:
            raise stopping()
        models = service.models
        models.check_ready()
        if service.board is not None and not service.board.is_open:
            ready, n_workers = sum(service.board.each("is_ready")), service.board.n_workers
            message = f"{ready} of {n_workers} workers are ready. Ask again in a second."
            raise RefusalError(503, "not_ready", message, headers=RETRY_AFTER)
        facts: dict[str, Any] = {"status": "ready", "asks_for": list(models.first.engine.input_keys)}
        facts |= {"models": [_facts(one) for one in models.each]} if models.first.is_named else {}
        return facts | ({"problems": list(models.problems)} if models.problems else {})

    return readyz


def _facts(model: Model) -> dict[str, Any]:
    aliases = {"aliases": list(model.aliases)} if model.aliases else {}
    return {**model.facts, **aliases, "asks_for": list(model.engine.input_keys)}


def build_metrics(service: Service) -> Callable[..., Any]:
    """Give the function that answers with all counts."""

    async def metrics() -> Response:
        """Give the counts in the format of Prometheus."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return metrics


HEALTHZ = Endpoint(
    "/healthz", build_healthz, options={"summary": "Is the process alive?", "tags": ["watching"]}
)
READYZ = Endpoint(
    "/readyz",
    build_readyz,
    options={"summary": "Is every model loaded?", "tags": ["watching"], "responses": {503: REFUSALS[503]}},
)
METRICS = Endpoint(
    "/metrics",
    build_metrics,
    options={"summary": "Counts for Prometheus", "tags": ["watching"], "response_class": Response},
)
