"""What a caller gets instead of an answer: `{"error": {"code", "message", "field"?}}`, never a bare status.

`code` is for programs and stays; `message` is for people and may be reworded.
"""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from metier.errors import RequestError

# Seconds after which a caller should ask again; a queue of one-row requests is long gone by then.
RETRY_AFTER = {"Retry-After": "1"}


class RefusalError(RequestError):
    """A request that is not answered, with what HTTP says of it.

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
        Headers to send along.
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


def as_response(refusal: RefusalError) -> JSONResponse:
    """Write a refusal as the service sends it."""
    return JSONResponse({"error": facts_of(refusal)}, status_code=refusal.status, headers=refusal.headers)


def facts_of(refusal: RefusalError) -> dict[str, str]:
    """Give what is said of a refusal: `code`, `message`, and `field` where there is one."""
    facts = {"code": refusal.code, "message": str(refusal)}
    if refusal.field is not None:
        facts["field"] = refusal.field
    return facts


def our_fault() -> RefusalError:
    """Give the refusal of a request that failed for no reason of the caller's."""
    message = "The service failed on this request; that is our fault, not yours. Its log says where."
    return RefusalError(500, "our_fault", message)


def add_refusals(app: FastAPI) -> None:
    """Make every failure that routing and endpoints can raise a typed one."""

    async def refused(request: Request, refusal: Exception) -> JSONResponse:
        assert isinstance(refusal, RefusalError)
        return as_response(refusal)

    async def not_routed(request: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, HTTPException)
        return as_response(_from_routing(request, failure))

    app.add_exception_handler(RefusalError, refused)
    app.add_exception_handler(HTTPException, not_routed)


def _from_routing(request: Request, failure: HTTPException) -> RefusalError:
    path, allowed = request.url.path, (failure.headers or {}).get("Allow", "")
    if failure.status_code == HTTPStatus.NOT_FOUND:
        message = f"There is nothing at {path}. Ask with POST /v1/predict; /docs lists the rest."
        return RefusalError(failure.status_code, "not_found", message)
    if failure.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"{path} does not take {request.method}; it takes {allowed}."
        return RefusalError(failure.status_code, "method_not_allowed", message, headers=failure.headers)
    return RefusalError(failure.status_code, "http_error", str(failure.detail), headers=failure.headers)
