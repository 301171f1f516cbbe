"""Have a model answer questions that were read, and have the answers counted and stored, whatever form they came in."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request

from metier.serving.endpoints.endpoint import Service
from metier.serving.endpoints.predict import unless_gone
from metier.serving.guards.middleware import note_rows
from metier.serving.messages import records_of
from metier.serving.models import Model
from metier.serving.request_reading import Questions


async def ask(
    service: Service, request: Request, model: Model, asked: Questions
) -> tuple[Sequence[Mapping[str, Any]], float]:
    """Give the answers as plain facts with their ids, and the milliseconds that the model took; raises as `/v1/predict`."""
    note_rows(request, len(asked.items))
    answered, latency_ms = await unless_gone(request, model.engine.answer(asked.items))
    records = records_of(asked, answered)
    service.metrics.count_answers([record["answered_by"] for record in records])
    return service.predictions.note(request, model, asked, records, latency_ms), latency_ms
