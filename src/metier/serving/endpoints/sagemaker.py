"""`GET /ping` and `POST /invocations`: the two paths that SageMaker asks of a container."""

from collections.abc import Callable
from typing import Any

from fastapi.responses import Response

from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service
from metier.serving.endpoints.predict import PREDICT, build_predict
from metier.serving.endpoints.probes import build_readyz


def build_ping(service: Service) -> Callable[..., Any]:
    """Give the function that answers once the model is loaded."""
    readyz = build_readyz(service)

    async def ping() -> Response:
        """Say with an empty 200 that questions are answered; 503 before and after that."""
        await readyz()
        return Response()

    return ping


PING = Endpoint(
    "/ping",
    build_ping,
    options={
        "summary": "Is the model loaded? For SageMaker",
        "tags": ["watching"],
        "response_class": Response,
        "responses": {503: REFUSALS[503]},
    },
)
INVOCATIONS = Endpoint(
    "/invocations",
    build_predict,
    method="POST",
    options={**PREDICT.options, "summary": "The same as /v1/predict, for SageMaker"},
)
