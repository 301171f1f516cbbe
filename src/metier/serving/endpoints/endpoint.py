"""What an endpoint of the service is, and what it has to answer with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from metier.serving.bodies import Bodies
from metier.serving.messages import ErrorAnswer
from metier.serving.metrics import Metrics
from metier.serving.models import Models
from metier.serving.prediction_log.recorder import PredictionRecorder
from metier.serving.reviews.reviewing import Reviewing
from metier.serving.rolling_out.live import Following
from metier.serving.settings import ServingSettings
from metier.serving.short_cut import ShortCuts
from metier.serving.traffic import Traffic
from metier.serving.workers.board import WorkerBoard

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "The body is not JSON."},
    408: {"model": ErrorAnswer, "description": "The body did not come in time."},
    413: {"model": ErrorAnswer, "description": "More than the service takes in one request."},
    415: {"model": ErrorAnswer, "description": "The body is compressed."},
    422: {"model": ErrorAnswer, "description": "A field is missing, unknown or of the wrong type."},
    500: {"model": ErrorAnswer, "description": "Our fault."},
    503: {
        "model": ErrorAnswer,
        "description": "Not loaded yet, stopping, or too much is asked. See Retry-After.",
    },
}


def json_body(schema: Mapping[str, Any], **shown: Any) -> dict[str, Any]:
    """Give what /docs shows of a body that the endpoint reads by itself: its schema, and `example` or `examples`."""
    content = {"application/json": {"schema": schema, **shown}}
    return {"requestBody": {"required": True, "content": content}}


@dataclass(frozen=True)
class Service:
    """What every endpoint can use.

    Parameters
    ----------
    models : Models
        The models, each with the engine that asks it.
    metrics : Metrics
    settings : ServingSettings
        The limits.
    traffic : Traffic
        Whether the service stops.
    bodies : Bodies
        What reads the bodies of requests.
    predictions : PredictionRecorder
        What stores the answers, and gives each its id.
    roll_outs : Following
        The roll-outs of the models.
    reviews : Reviewing
        The answers that wait for a person.
    board : WorkerBoard or None
        Of the workers, of which this process is one; None: it is the whole service.
    """

    models: Models
    metrics: Metrics
    settings: ServingSettings
    traffic: Traffic
    bodies: Bodies
    predictions: PredictionRecorder
    roll_outs: Following
    reviews: Reviewing
    board: WorkerBoard | None = None


@dataclass(frozen=True)
class Endpoint:
    """One path of the service.

    Parameters
    ----------
    path : str
    build : callable
        Takes the Service and gives the function that answers a request, as FastAPI takes it; its docstring is in /docs.
    method : str
        Of HTTP.
    options : mapping
        What else FastAPI's `add_api_route` takes: summary, tags, response_model, responses.
    is_direct : bool
        Whether it is reached by a short cut; its function takes the request alone, and gives a response.
    """

    path: str
    build: Callable[[Service], Callable[..., Any]]
    method: str = "GET"
    options: Mapping[str, Any] = field(default_factory=dict)
    is_direct: bool = False

    def add_to(self, app: FastAPI, service: Service, cuts: ShortCuts) -> None:
        """Let an application answer at this path."""
        answer = self.build(service)
        app.add_api_route(self.path, answer, methods=[self.method], **self.options)
        if self.is_direct:
            cuts.add(app.routes, self.path, self.method, answer)
