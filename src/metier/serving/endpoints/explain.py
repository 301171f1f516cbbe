"""`POST /v1/explain`: which words, and which parts of an image, the answer to one question rests on."""

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service, json_body
from metier.serving.endpoints.predict import unless_gone
from metier.serving.explaining import ExplainRequest, check_method, check_one, predictor_of
from metier.serving.guards.middleware import note_rows
from metier.serving.request_reading import read_fields, read_questions


def build_explain(service: Service) -> Callable[..., Any]:
    """Give the function that explains."""
    models, settings, bodies = service.models, service.settings, service.bodies

    async def explain(request: Request) -> Response:
        """Explain the answer to one question, asked as `/v1/predict` is: what each word and each part of an image adds.

        `method` says how words are weighed, `label` which label is explained, and with `counterfactual` the fewest words
        are found without which the answer is another.
        """
        async with bodies.read(request) as body:
            content_type = request.headers.get("content-type", "")
            first_kind = models.first.engine.input_kind
            found = read_fields(ExplainRequest, body, settings, first_kind, content_type=content_type)
            del body
            model = models.find(found.model)
            engine = model.engine
            kind, takes_blanks = engine.input_kind, engine.takes_blanks
            check_method(found.method, predictor_of(engine.check_ready()))
            asked = read_questions(found, settings, kind, takes_blanks=takes_blanks)
            check_one(found, asked, settings)
            note_rows(request, 1)
            explanation, latency_ms = await unless_gone(request, engine.explain(asked.items[0], found))
        return JSONResponse({**explanation.as_dict(), **model.facts, "latency_ms": round(latency_ms, 3)})

    return explain


EXPLAIN = Endpoint(
    "/v1/explain",
    build_explain,
    method="POST",
    options={
        "summary": "Say what the answer to one question rests on",
        "tags": ["asking"],
        "responses": REFUSALS,
        "openapi_extra": json_body(
            {name: value for name, value in ExplainRequest.model_json_schema().items() if name != "$defs"},
            examples={
                "one": {
                    "summary": "one text",
                    "value": {"text": "my card never came", "method": "leave_one_out"},
                }
            },
        ),
    },
)
