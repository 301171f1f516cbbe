"""The endpoints of the service: one file each, or a few that belong together, and one row of `ENDPOINTS`."""

import importlib

from metier.serving.endpoints.endpoint import Endpoint, Service

__all__ = ["ENDPOINTS", "Endpoint", "Service", "endpoints"]

# Dotted paths, in the order in which /docs shows them.
ENDPOINTS = (
    "metier.serving.endpoints.predict:PREDICT",
    "metier.serving.endpoints.probes:HEALTHZ",
    "metier.serving.endpoints.probes:READYZ",
    "metier.serving.endpoints.probes:METRICS",
    "metier.serving.endpoints.docs_page:START_PAGE",
)


def endpoints() -> list[Endpoint]:
    """Give the endpoints of the table."""
    found = []
    for path in ENDPOINTS:
        module, _, name = path.partition(":")
        found.append(getattr(importlib.import_module(module), name))
    return found
