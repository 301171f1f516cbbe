"""`GET /v1/models`, as OpenAI lists its models, and `GET /info`, as Text Embeddings Inference says what it serves."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from metier.bundles import Bundle
from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service
from metier.serving.models import Model, Models
from metier.serving.vectors import embedder_of, scores_of


def build_models(service: Service) -> Callable[..., Any]:
    """Give the function that lists the models."""

    async def models() -> dict[str, Any]:
        """List the models by the names that requests call them."""
        return {"object": "list", "data": [_listed(service.models, one) for one in service.models.each]}

    return models


def build_one_model(service: Service) -> Callable[..., Any]:
    """Give the function that describes a model."""

    async def one_model(name: str) -> dict[str, Any]:
        """Describe the model of a name: `support`, `support@champion`."""
        return _listed(service.models, service.models.find(name))

    return one_model


def build_info(service: Service) -> Callable[..., Any]:
    """Give the function that says what is served."""

    async def info() -> dict[str, Any]:
        """Say what is served, with its versions and the limits."""
        models, settings = service.models, service.settings
        models.check_ready()
        every = [_facts(models, one) for one in models.each]
        return {
            **{name: every[0][name] for name in ("model_id", "model_sha", "model_type")},
            "max_concurrent_requests": settings.threads + settings.max_waiting,
            "max_client_batch_size": settings.max_rows,
            "max_characters": settings.max_characters,
            "max_request_characters": settings.max_request_characters,
            "max_body_bytes": settings.max_body_bytes,
            "auto_truncate": True,
            "tokenization_workers": settings.threads,
            "version": version("metier"),
            "models": every,
        }

    return info


def _listed(models: Models, model: Model) -> dict[str, Any]:
    loaded = model.engine.check_ready()
    created = int(loaded.manifest.created.timestamp()) if isinstance(loaded, Bundle) else 0
    facts: dict[str, Any] = {"aliases": list(model.aliases)} if model.aliases else {}
    facts |= {} if model.version is None else {"version": model.version}
    return {
        "id": address_of(models, model),
        "object": "model",
        "created": created,
        "owned_by": "metier",
        **facts,
    }


def address_of(models: Models, model: Model) -> str:
    """Give what requests call a model: its bare name where that is this version, else with an alias or the number."""
    return next(name for name in (model.name, *model.addresses) if models.find(name) is model)


def _facts(models: Models, model: Model) -> dict[str, Any]:
    loaded = model.engine.check_ready()
    facts: dict[str, Any] = {
        "model_id": address_of(models, model),
        "model_sha": None,
        "model_type": _type(loaded),
        "version": model.version,
        "aliases": list(model.aliases),
        "answered_by": model.engine.name,
        "asks_for": list(model.engine.input_keys),
    }
    if isinstance(loaded, Bundle):
        facts |= {"task": loaded.task.name, "labels": len(loaded.labels), "model_sha": loaded.fingerprint}
    return facts


def _type(loaded: object) -> dict[str, Any]:
    """Give what a model is in the words of Text Embeddings Inference: classifier, reranker, embedding."""
    if isinstance(loaded, Bundle) and scores_of(loaded) is not None:
        return {"reranker": _labels(loaded)}
    if isinstance(loaded, Bundle) and loaded.labels:
        return {"classifier": _labels(loaded)}
    return {"other": {}} if embedder_of(loaded) is None else {"embedding": {"pooling": "mean"}}


def _labels(loaded: Bundle) -> dict[str, Any]:
    names = {str(place): label for place, label in enumerate(loaded.labels)}
    return {"id2label": names, "label2id": {label: int(place) for place, label in names.items()}}


MODELS = Endpoint(
    "/v1/models",
    build_models,
    options={"summary": "List the models", "tags": ["watching"], "responses": {503: REFUSALS[503]}},
)
ONE_MODEL = Endpoint(
    "/v1/models/{name}",
    build_one_model,
    options={"summary": "Describe a model", "tags": ["watching"], "responses": {503: REFUSALS[503]}},
)
INFO = Endpoint(
    "/info",
    build_info,
    options={"summary": "Say what is served", "tags": ["watching"], "responses": {503: REFUSALS[503]}},
)
