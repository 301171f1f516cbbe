"""Traces by OpenTelemetry: a span for each request, and in it one for its wait and one for its answer.

The package is the extra `otel`. It is imported where traces are asked for, by name; without them a request costs nothing
more. The header `traceparent` (W3C Trace Context) of a caller is the parent of our span, and our own goes back with the
answer, so that a proxy or the caller can go on with it.
"""

import pkgutil
from typing import Any, Protocol

from starlette.types import Scope

from metier.errors import MissingExtraError
from metier.serving.request_ids import RequestNotes

IMPLEMENTATION = "metier.serving.open_telemetry:OpenTelemetryTracer"


class Trace(Protocol):
    """The span of one request."""

    @property
    def header(self) -> bytes:
        """The value of `traceparent` that names the span."""
        ...

    def end(self, path: str, status: int, notes: RequestNotes) -> None:
        """End the span, and add one for each interval of the notes."""
        ...


class Tracer(Protocol):
    """What begins the span of a request."""

    def begin(self, scope: Scope) -> Trace:
        """Begin the span of a request that has come."""
        ...


def build_tracer() -> Tracer:
    """Give what traces requests by OpenTelemetry, to where its environment variables say.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    """
    try:
        module: Any = pkgutil.resolve_name(IMPLEMENTATION)
    except ImportError as error:
        raise MissingExtraError("Tracing requests", extra="otel") from error
    tracer: Tracer = module()
    return tracer
