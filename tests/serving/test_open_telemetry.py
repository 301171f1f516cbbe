"""Spans of requests: the request, and in it waiting and answering, under the trace that a caller began."""

import pytest

from metier.errors import MissingExtraError
from metier.serving import ServingSettings, build_app, traces

pytest.importorskip("opentelemetry.sdk", reason="OpenTelemetry is not installed: pip install 'metier[otel]'")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from metier.serving.open_telemetry import OpenTelemetryTracer

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def spans(monkeypatch):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("metier.serving.app.build_tracer", lambda: OpenTelemetryTracer(provider=provider))
    return exporter


def test_a_request_has_spans_for_waiting_and_answering(model, start, spans):
    client = start(build_app(lambda: model, ServingSettings(traces=True)))
    spans.clear()
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    response = client.post("/v1/predict", json={"text": "my secret card"}, headers=headers)
    queue, inference, request = spans.get_finished_spans()
    assert [span.name for span in (queue, inference, request)] == ["queue", "inference", "POST /v1/predict"]
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == PARENT
    assert {queue.parent.span_id, inference.parent.span_id} == {request.context.span_id}
    assert request.start_time <= queue.start_time <= queue.end_time <= inference.start_time
    assert inference.end_time <= request.end_time
    assert request.attributes["http.response.status_code"] == 200
    assert response.headers["traceparent"] == f"00-{TRACE}-{request.context.span_id:016x}-01"
    assert "secret" not in "".join(span.to_json() for span in spans.get_finished_spans())


def test_a_refused_request_has_its_code(model, start, spans):
    client = start(build_app(lambda: model, ServingSettings(traces=True)))
    spans.clear()
    response = client.post("/v1/predict", json={"txt": "a"}, headers={"traceparent": "broken"})
    assert response.status_code == 422
    [span] = spans.get_finished_spans()
    assert span.attributes["error.type"] == "unknown_field"
    assert span.parent is None


def test_without_traces_there_is_no_span_and_no_header(model, start, spans):
    client = start(build_app(lambda: model))
    assert "traceparent" not in client.post("/v1/predict", json={"text": "a"}).headers
    assert not spans.get_finished_spans()


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(traces, "IMPLEMENTATION", "metier.no_such_module:Tracer")
    with pytest.raises(MissingExtraError, match=r"metier\[otel\]"):
        traces.build_tracer()
