"""Error responses: `{"error": {"code", "message", "field"?, "request_id"}}`, never a bare status.

`code` is stable, for programs; `message` is for people and may change.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from metier.errors import EndpointError, MetierError, RequestError, quoted
from metier.serving.request_ids import current_notes, current_request_id

# Seconds until a caller should retry; a queue of one-row requests is empty by then.
RETRY_AFTER = {"Retry-After": "1"}
# Clients of OpenAI read `type` and `param` beside our own fields; those of the Open Inference Protocol a text, and those
# of Text Embeddings Inference one of its types beside.
OF_OPENAI = ("/v1/chat/", "/v1/audio/", "/v1/embeddings", "/v1/completions", "/v1/models")
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
V2 = "/v2"
OF_EMBEDDERS = frozenset({"/info", "/rerank"})
ERROR_TYPES = {424: "backend", 429: "overloaded", 500: "backend", 503: "overloaded"}
LONGEST_METHOD = 20  # Characters of a caller's own method that a response repeats.


class RefusalError(RequestError):
    """A refused request, with its HTTP status.

    Parameters
    ----------
    status : int
        The HTTP status.
    code : str
        One word for programs.
    message : str
        What was found, what was expected, what to do.
    field : str or None
        The field of the request at fault, where there is one.
    headers : mapping of str to str or None
        Further headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.headers = dict(headers or {})


def as_response(refusal: RefusalError, path: str = "") -> JSONResponse:
    """Turn a refusal into the response that clients of a path understand."""
    return JSONResponse(_body(refusal, path), status_code=refusal.status, headers=refusal.headers)


def _body(refusal: RefusalError, path: str) -> dict[str, Any]:
    if path == V2 or path.startswith(f"{V2}/"):
        return {"error": str(refusal)}
    if path in OF_EMBEDDERS:
        return {"error": str(refusal), "error_type": ERROR_TYPES.get(refusal.status, "validation")}
    facts: dict[str, Any] = facts_of(refusal)
    if path.startswith(OF_OPENAI):
        facts |= {"type": TYPES.get(refusal.status, "invalid_request_error"), "param": refusal.field}
    return {"error": facts}


def facts_of(refusal: RefusalError) -> dict[str, str]:
    """Give the body of a refusal: `code`, `message`, and `field` and `request_id` where there are."""
    notes = current_notes()
    if notes is not None:
        notes.refused = refusal.code
    facts = {"code": refusal.code, "message": str(refusal)}
    more = {"field": refusal.field, "request_id": current_request_id()}
    return facts | {name: value for name, value in more.items() if value is not None}


def refusal_of(failure: MetierError) -> RefusalError:
    """Give the refusal of a request that a model could not answer, with the code of the error.

    The model behind an endpoint is a service that ours depends on (424); everything else is in the request (422).
    """
    if isinstance(failure, RefusalError):
        return failure
    status = (
        HTTPStatus.FAILED_DEPENDENCY if isinstance(failure, EndpointError) else HTTPStatus.UNPROCESSABLE_ENTITY
    )
    return RefusalError(int(status), failure.code, str(failure))


def our_fault() -> RefusalError:
    """Give the refusal for an internal error."""
    message = "The service failed on this request because of an internal error. See its log."
    return RefusalError(500, "our_fault", message)


def stopping() -> RefusalError:
    """Give the refusal of whatever comes, or is not done, once the service stops."""
    message = "The service is stopping. Ask again once it was started anew, or ask another one."
    return RefusalError(503, "stopping", message, headers={**RETRY_AFTER, "Connection": "close"})


def add_refusals(app: FastAPI) -> None:
    """Turn every error of routing and endpoints into a typed response."""

    async def refused(request: Request, refusal: Exception) -> JSONResponse:
        assert isinstance(refusal, RefusalError)
        return as_response(refusal, request.url.path)

    async def failed(request: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, MetierError)
        return as_response(refusal_of(failure), request.url.path)

    async def not_routed(request: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, HTTPException)
        return as_response(_from_routing(request, failure), request.url.path)

    app.add_exception_handler(RefusalError, refused)
    app.add_exception_handler(MetierError, failed)
    app.add_exception_handler(HTTPException, not_routed)


def _from_routing(request: Request, failure: HTTPException) -> RefusalError:
    path, allowed = request.url.path, (failure.headers or {}).get("Allow", "")
    if failure.status_code == HTTPStatus.NOT_FOUND:
        message = f"There is nothing at {quoted(path)}. Ask with POST /v1/predict; /docs lists the rest."
        return RefusalError(failure.status_code, "not_found", message)
    if failure.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"{path} does not take {request.method[:LONGEST_METHOD]}; it takes {allowed}."
        return RefusalError(failure.status_code, "method_not_allowed", message, headers=failure.headers)
    return RefusalError(failure.status_code, "http_error", str(failure.detail), headers=failure.headers)
