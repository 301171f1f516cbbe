"""Spans of requests by OpenTelemetry. Imported by name only: see `serving.traces`."""

import os
import sys
import time
from importlib.metadata import entry_points

from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.types import Scope

from metier.errors import MissingExtraError
from metier.serving.request_ids import RequestNotes

NANOSECONDS = 1_000_000_000
OUR_FAULT = 500


class RequestTrace:
    """The span of one request.

    Parameters
    ----------
    tracer : opentelemetry.trace.Tracer
    scope : mapping
    """

    def __init__(self, tracer: trace.Tracer, scope: Scope):
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        self._tracer = tracer
        self._method = scope["method"]
        self._span = tracer.start_span(self._method, context=extract(carrier), kind=SpanKind.SERVER)
        # Clocks differ; what is noted in seconds of the one is told in nanoseconds of the other.
        self._offset = time.time_ns() - int(time.perf_counter() * NANOSECONDS)

    @property
    def header(self) -> bytes:
        """The value of `traceparent` that names the span."""
        of = self._span.get_span_context()
        return f"00-{of.trace_id:032x}-{of.span_id:016x}-{int(of.trace_flags):02x}".encode()

    def end(self, path: str, status: int, notes: RequestNotes) -> None:
        """End the span, and add one for each interval of the notes: nothing of what was asked, or answered."""
        inside = trace.set_span_in_context(self._span)
        for name, begin, end in notes.intervals:
            part = self._tracer.start_span(name, context=inside, start_time=self._nanoseconds(begin))
            part.end(end_time=self._nanoseconds(end))
        self._span.update_name(f"{self._method} {path}")
        self._span.set_attribute("http.request.method", self._method)
        self._span.set_attribute("http.route", path)
        self._span.set_attribute("http.response.status_code", status)
        if notes.refused is not None:
            self._span.set_attribute("error.type", notes.refused)
        if status >= OUR_FAULT:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()

    def _nanoseconds(self, seconds: float) -> int:
        return int(seconds * NANOSECONDS) + self._offset


class OpenTelemetryTracer:
    """Begins the spans of requests.

    Parameters
    ----------
    exporter : SpanExporter or None
        Where spans go; None: where `OTEL_TRACES_EXPORTER` says, else to stderr, as JSON.
    provider : TracerProvider or None
        None: one of our own, which sends in batches.

    Raises
    ------
    MissingExtraError
        If the exporter that `OTEL_TRACES_EXPORTER` names is not installed.
    """

    def __init__(self, exporter: SpanExporter | None = None, provider: TracerProvider | None = None):
        if provider is None:
            provider = TracerProvider(resource=Resource.create({"service.name": "metier"}))
            provider.add_span_processor(BatchSpanProcessor(exporter or _named_exporter()))
        self._tracer = provider.get_tracer("metier.serving")

    def begin(self, scope: Scope) -> RequestTrace:
        """Begin the span of a request that has come."""
        return RequestTrace(self._tracer, scope)


def _named_exporter() -> SpanExporter:
    name = os.environ.get("OTEL_TRACES_EXPORTER", "console")
    if name == "console":
        return ConsoleSpanExporter(out=sys.stderr)
    found = entry_points(group="opentelemetry_traces_exporter", name=name)
    if not found:
        raise MissingExtraError(
            f"OTEL_TRACES_EXPORTER={name}",
            extra="otel",
            packages=("opentelemetry-exporter-otlp-proto-http",),
        )
    exporter: SpanExporter = next(iter(found)).load()()
    return exporter
