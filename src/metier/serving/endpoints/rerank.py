"""`POST /rerank`: which texts match a query best, in the form of Text Embeddings Inference and of its clients."""

from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from metier.serving.endpoints.embeddings import read_texts, wrong
from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service, json_body
from metier.serving.endpoints.predict import unless_gone
from metier.serving.guards.middleware import note_rows
from metier.serving.models import Model
from metier.serving.request_reading import PredictRequest, parse_body, read_questions, unknown_field
from metier.serving.settings import ServingSettings
from metier.serving.vectors import Ranks, check_ranks, log_odds
from metier.tasks.inputs import PAIR

SWITCHES = ("raw_scores", "return_text", "truncate")
KNOWN = ("query", "texts", "model", "truncation_direction", *SWITCHES)


def build_rerank(service: Service) -> Callable[..., Any]:
    """Give the function that ranks."""
    models, settings, bodies = service.models, service.settings, service.bodies

    async def rerank(request: Request) -> Response:
        """Rank `texts` by how well they match `query`, the best first: the probability of a match, 0 to 1.

        With `raw_scores` it is the logarithm of its odds; with `return_text` each text comes back with its score.
        """
        async with bodies.read(request) as body:
            found = read_fields(body, settings)
            del body
            model = models.find_for_client(found.get("model"))
            ranks = check_ranks(model.engine.check_ready())
            texts = read_texts(found.get("texts"), settings, field="texts")
            note_rows(request, len(texts))
            scores = await _scores(request, model, ranks, found["query"], texts, settings)
        shown = log_odds(scores) if found.get("raw_scores") and _are_probabilities(scores) else scores
        ranked: list[dict[str, Any]] = [
            {"index": int(place), "score": float(shown[place])} for place in np.argsort(-scores, kind="stable")
        ]
        if found.get("return_text"):
            ranked = [{**one, "text": texts[one["index"]]} for one in ranked]
        return JSONResponse(ranked)

    return rerank


def read_fields(body: bytes, settings: ServingSettings) -> dict[str, Any]:
    """Read the fields of a request; raises RefusalError where one is unknown or of another form (400, 413, 422)."""
    found = parse_body(body, settings, PAIR)
    if not isinstance(found, dict):
        raise wrong(None, 'an object such as {"query": "...", "texts": ["..."]}', found)
    for field in found:
        if field not in KNOWN:
            raise unknown_field(field, KNOWN)
    if not isinstance(found.get("query"), str):
        raise wrong("query", "a text", found.get("query"))
    if not isinstance(found.get("model"), str | None):
        raise wrong("model", "the name of a model", found["model"])
    for field in SWITCHES:
        if not isinstance(found.get(field), bool | None):
            raise wrong(field, "true or false", found[field])
    return found


async def _scores(
    request: Request, model: Model, ranks: Ranks, query: str, texts: list[str], settings: ServingSettings
) -> np.ndarray:
    rows = [{"text": query, "text_pair": text} for text in texts]
    asked = read_questions(PredictRequest(rows=rows), settings, PAIR)
    answered, _ = await unless_gone(request, model.engine.answer(asked.items))
    return np.concatenate([ranks(batch) for batch in answered])


def _are_probabilities(scores: np.ndarray) -> bool:
    return bool(((scores >= 0) & (scores <= 1)).all())


RERANK = Endpoint(
    "/rerank",
    build_rerank,
    method="POST",
    options={
        "summary": "Rank texts by how well they match a query",
        "tags": ["asking"],
        "responses": REFUSALS,
        "openapi_extra": json_body(
            {
                "type": "object",
                "required": ["query", "texts"],
                "properties": {
                    "query": {"type": "string"},
                    "texts": {"type": "array", "items": {"type": "string"}},
                    "raw_scores": {"type": "boolean"},
                    "return_text": {"type": "boolean"},
                },
            },
            example={"query": "where is my card", "texts": ["my card never came", "a refund please"]},
        ),
    },
)
