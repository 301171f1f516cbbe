"""`POST /v1/embeddings`: vectors of texts, in the form of OpenAI's service and of its clients."""

import base64
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from metier.errors import quoted
from metier.serving.endpoints.endpoint import REFUSALS, Endpoint, Service, json_body
from metier.serving.endpoints.model_list import address_of
from metier.serving.endpoints.predict import unless_gone
from metier.serving.guards.middleware import note_rows
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import PredictRequest, parse_body, read_questions, unknown_field
from metier.serving.settings import ServingSettings
from metier.serving.vectors import check_embeds
from metier.tasks.inputs import TEXT

FORMATS = ("float", "base64")
KNOWN = ("input", "model", "encoding_format", "dimensions", "user")
DIGITS = 8  # Of a number of 32 bits.


def build_embeddings(service: Service) -> Callable[..., Any]:
    """Give the function that embeds."""
    models, settings, bodies = service.models, service.settings, service.bodies

    async def embeddings(request: Request) -> Response:
        """Give the vectors of a text or several (`input`), of length 1, so that their products are cosines.

        `encoding_format` is `float`, or `base64` of their 32-bit numbers, the lowest byte first. Tokens are not counted.
        """
        async with bodies.read(request) as body:
            found = read_fields(body, settings)
            del body
            model = models.find_for_client(found.get("model"))
            embedder = check_embeds(model.engine.check_ready())
            texts = read_texts(found.get("input"), settings)
            note_rows(request, len(texts))
            begun = time.perf_counter()
            vectors = await unless_gone(request, model.engine.embed(embedder, texts))
        _check_size(found.get("dimensions"), vectors)
        written = [_written(vector, found.get("encoding_format") or "float") for vector in vectors]
        data = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(written)]
        return JSONResponse(
            {
                "object": "list",
                "data": data,
                "usage": {"prompt_tokens": 0, "total_tokens": 0},
                "model": address_of(models, model),
                **({} if model.version is None else {"version": model.version}),
                "latency_ms": round(1000 * (time.perf_counter() - begun), 3),
            }
        )

    return embeddings


def read_fields(body: bytes, settings: ServingSettings) -> dict[str, Any]:
    """Read the fields of a request; raises RefusalError where one is unknown or of another form (400, 413, 422)."""
    found = parse_body(body, settings)
    if not isinstance(found, dict):
        raise wrong(None, 'an object such as {"input": "..."}', found)
    for field in found:
        if field not in KNOWN:
            raise unknown_field(field, KNOWN)
    if not isinstance(found.get("model"), str | None):
        raise wrong("model", "the name of a model", found["model"])
    if found.get("encoding_format") not in (None, *FORMATS):
        raise wrong("encoding_format", "float or base64", found["encoding_format"])
    return found


def read_texts(given: Any, settings: ServingSettings, *, field: str = "input") -> list[str]:
    """Read the texts of a field, within the limits; raises RefusalError (413, 422)."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) for one in texts):
        raise wrong(field, "a text or a list of texts, not of tokens", given)
    if len(texts) > settings.max_rows:
        message = (
            f"{len(texts):,} texts in one request; {settings.max_rows:,} are allowed. Send them in several."
        )
        raise RefusalError(413, "too_many_rows", message, field=field)
    return list(read_questions(PredictRequest(texts=texts), settings, TEXT).items)


def wrong(field: str | None, expected: str, found: Any) -> RefusalError:
    """Give the refusal of a field of another form (422)."""
    where = f"Field {field!r}" if field else "The body"
    message = f"{where}: expected {expected}, found {quoted(found)}."
    return RefusalError(422, "bad_request", message, field=field)


def _check_size(wanted: Any, vectors: np.ndarray) -> None:
    if wanted is not None and wanted != vectors.shape[1]:
        raise wrong("dimensions", f"{vectors.shape[1]}, which the model has", wanted)


def _written(vector: np.ndarray, form: str) -> str | list[float]:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    return [round(float(number), DIGITS) for number in vector]


EMBEDDINGS = Endpoint(
    "/v1/embeddings",
    build_embeddings,
    method="POST",
    options={
        "summary": "Give the vectors of texts",
        "tags": ["asking"],
        "responses": REFUSALS,
        "openapi_extra": json_body(
            {
                "type": "object",
                "required": ["input"],
                "properties": {
                    "input": {"description": "A text, or a list of texts."},
                    "model": {"type": "string"},
                    "encoding_format": {"type": "string", "enum": list(FORMATS)},
                },
            },
            example={"input": ["my card never came", "a refund please"]},
        ),
    },
)
