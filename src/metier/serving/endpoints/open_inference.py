"""The paths of the Open Inference Protocol (V2), which clients of KServe, Triton and MLServer speak."""

from collections.abc import Callable, Mapping
from importlib.metadata import version as version_of
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from metier.serving.endpoints.endpoint import Endpoint, Service
from metier.serving.endpoints.predict import Asking
from metier.serving.guards.middleware import note_rows
from metier.serving.models import Model
from metier.serving.open_inference.answers import model_metadata, write_tensors
from metier.serving.open_inference.questions import read_inference
from metier.serving.refusals import RefusalError, stopping
from metier.serving.request_reading import parse_body

MODEL, VERSION = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
TAG = "Open Inference Protocol"


def build_server(service: Service) -> Callable[..., Any]:
    """Give the function that says what serves."""

    async def server() -> dict[str, Any]:
        """Say what serves, and which extensions of the protocol it has."""
        return {"name": "metier", "version": version_of("metier"), "extensions": ["model_repository"]}

    return server


def build_live(service: Service) -> Callable[..., Any]:
    """Give the function that answers as long as the process lives."""

    async def live() -> dict[str, bool]:
        """Say that the process is alive."""
        return {"live": True}

    return live


def build_ready(service: Service) -> Callable[..., Any]:
    """Give the function that answers once every model is loaded."""

    async def ready() -> dict[str, bool]:
        """Say that every model answers: 503 before and after that."""
        _check_ready(service)
        return {"ready": True}

    return ready


def build_metadata(service: Service) -> Callable[..., Any]:
    """Give the function that says what a model takes and gives."""

    async def metadata(name: str, version: str | None = None) -> dict[str, Any]:
        """Say which tensors a model takes and gives."""
        model = find(service, name, version)
        versions = [
            one.version for one in service.models.each if one.name == model.name and one.version is not None
        ]
        return model_metadata(model, versions)

    return metadata


def build_model_ready(service: Service) -> Callable[..., Any]:
    """Give the function that answers once a model is loaded."""

    async def model_ready(name: str, version: str | None = None) -> dict[str, Any]:
        """Say that a model answers."""
        model = find(service, name, version)
        model.engine.check_ready()
        return {"name": model.name, "ready": True}

    return model_ready


def build_infer(service: Service) -> Callable[..., Any]:
    """Give the function that answers."""

    async def infer(request: Request) -> Response:
        """Answer the rows of tensors: one for each part of a question, text as `BYTES`.

        Data may be a scalar, a list or nested lists. The answers are tensors, too: `label`, `probability`, or what the task
        gives instead.
        """
        path = request.path_params
        async with service.bodies.read(request) as body:
            model = find(service, path["name"], path.get("version"))
            kind, takes_blanks = model.engine.input_kind, model.engine.takes_blanks
            read = read_inference(body, service.settings, kind, takes_blanks=takes_blanks)
            del body
            note_rows(request, len(read.asked.items))
            asking = Asking(service, request, read.asked)
            records = await asking.held(model, asking.note(model, *await asking.answer(model)))
        outputs = write_tensors(records, read.outputs)
        stated: Mapping[str, Any] = {"model_name": model.name, "model_version": _stated(model), "id": read.id}
        found = {name: value for name, value in stated.items() if value is not None}
        return JSONResponse({**found, "outputs": outputs})

    return infer


def build_index(service: Service) -> Callable[..., Any]:
    """Give the function that lists the models."""

    async def index(request: Request) -> list[dict[str, str]]:
        """List the models and whether each answers; `ready` lists those alone that do."""
        async with service.bodies.read(request) as body:
            only_ready = _only_ready(parse_body(body, service.settings) if body.strip() else {})
        listed = [_state(model) for model in service.models.each]
        return [one for one in listed if one["state"] == "READY" or not only_ready]

    return index


def _check_ready(service: Service) -> None:
    if service.traffic.is_stopping:
        raise stopping()
    service.models.check_ready()


def _only_ready(asked: Any) -> bool:
    """Whether those models alone are asked for that answer."""
    ready = asked.get("ready", False) if isinstance(asked, dict) else None
    if not isinstance(ready, bool):
        message = 'Expected {"ready": true}, {"ready": false} or nothing. Send one of these.'
        raise RefusalError(422, "bad_request", message, field="ready")
    return ready


def find(service: Service, name: str, version: str | None) -> Model:
    """Give the model of a path; raises RefusalError (404) where there is none."""
    return service.models.find(name if version is None else f"{name}/{version}")


def _stated(model: Model) -> str | None:
    return None if model.version is None else str(model.version)


def _state(model: Model) -> dict[str, str]:
    state, reason = "READY", ""
    try:
        model.engine.check_ready()
    except RefusalError as refusal:
        state, reason = ("LOADING" if refusal.code == "not_ready" else "UNAVAILABLE"), str(refusal)
    return {"name": model.name, "version": _stated(model) or "", "state": state, "reason": reason}


def _endpoint(
    path: str, build: Callable[[Service], Callable[..., Any]], summary: str, method: str = "GET"
) -> Endpoint:
    responses = {503 if method == "GET" else 422: {"description": 'Not now, or not so: {"error": "..."}.'}}
    return Endpoint(
        path, build, method=method, options={"summary": summary, "tags": [TAG], "responses": responses}
    )


SERVER = _endpoint("/v2", build_server, "What serves?")
LIVE = _endpoint("/v2/health/live", build_live, "Is the process alive?")
READY = _endpoint("/v2/health/ready", build_ready, "Does every model answer?")
METADATA = _endpoint(MODEL, build_metadata, "Which tensors does a model take and give?")
VERSION_METADATA = _endpoint(VERSION, build_metadata, "Which tensors does a version take and give?")
MODEL_READY = _endpoint(f"{MODEL}/ready", build_model_ready, "Does a model answer?")
VERSION_READY = _endpoint(f"{VERSION}/ready", build_model_ready, "Does a version answer?")
INFER = _endpoint(f"{MODEL}/infer", build_infer, "Answer tensors of questions", "POST")
VERSION_INFER = _endpoint(f"{VERSION}/infer", build_infer, "Answer tensors by a version", "POST")
INDEX = _endpoint("/v2/repository/index", build_index, "List the models", "POST")
