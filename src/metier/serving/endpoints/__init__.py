"""The endpoints of the service: one file each, or a few that belong together, and one row of `ENDPOINTS`."""

import pkgutil

from metier.serving.endpoints.endpoint import Endpoint, Service

__all__ = ["ENDPOINTS", "Endpoint", "Service", "endpoints"]

# Dotted paths, in the order in which /docs shows them.
ENDPOINTS = (
    "metier.serving.endpoints.predict:PREDICT",
    "metier.serving.endpoints.explain:EXPLAIN",
    "metier.serving.endpoints.feedback:FEEDBACK",
    "metier.serving.endpoints.reviews:LIST",
    "metier.serving.endpoints.reviews:ONE",
    "metier.serving.endpoints.reviews:DECISION",
    "metier.serving.endpoints.reviews:ANSWER",
    "metier.serving.endpoints.chat_completions:CHAT_COMPLETIONS",
    "metier.serving.endpoints.transcriptions:TRANSCRIPTIONS",
    "metier.serving.endpoints.embeddings:EMBEDDINGS",
    "metier.serving.endpoints.rerank:RERANK",
    "metier.serving.endpoints.model_list:MODELS",
    "metier.serving.endpoints.model_list:ONE_MODEL",
    "metier.serving.endpoints.model_list:INFO",
    "metier.serving.endpoints.open_inference:SERVER",
    "metier.serving.endpoints.open_inference:LIVE",
    "metier.serving.endpoints.open_inference:READY",
    "metier.serving.endpoints.open_inference:METADATA",
    "metier.serving.endpoints.open_inference:VERSION_METADATA",
    "metier.serving.endpoints.open_inference:MODEL_READY",
    "metier.serving.endpoints.open_inference:VERSION_READY",
    "metier.serving.endpoints.open_inference:INFER",
    "metier.serving.endpoints.open_inference:VERSION_INFER",
    "metier.serving.endpoints.open_inference:INDEX",
    "metier.serving.endpoints.probes:HEALTHZ",
    "metier.serving.endpoints.probes:READYZ",
    "metier.serving.endpoints.probes:METRICS",
    "metier.serving.endpoints.sagemaker:PING",
    "metier.serving.endpoints.sagemaker:INVOCATIONS",
    "metier.serving.endpoints.docs_page:START_PAGE",
)


def endpoints() -> list[Endpoint]:
    """Give the endpoints of the table."""
    return [pkgutil.resolve_name(path) for path in ENDPOINTS]
