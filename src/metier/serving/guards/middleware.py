"""What every request passes before an endpoint: its key, the scope of the key, and its rate.

It stands inside of `RequestMiddleware`, so that what is refused here is counted and logged as well. `scope["state"]` has
the `caller` from here on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metier.serving.guards.key_check import Caller, KeyCheck, missing_scope
from metier.serving.guards.rates import Left, Rates
from metier.serving.guards.scopes import scope_of
from metier.serving.refusals import RefusalError, as_response

ANYBODY = Caller("anybody", ("predict", "explain", "feedback", "metrics"))


class Guard:
    """Let in whoever has a key for what is asked.

    Parameters
    ----------
    app : ASGI application
    keys : KeyCheck or None
        None: everybody is let in, as `ANYBODY`.
    rates : Rates or None
        Where what keys ask a minute is counted.
    routes : sequence of BaseRoute
        By which of them a request would be answered, what is refused is counted and logged.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: KeyCheck | None,
        rates: Rates | None = None,
        routes: Sequence[BaseRoute] = (),
    ):
        self.app, self._keys, self._rates, self._routes = app, keys, rates, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":  # What the state of the lifespan holds, every request would begin with.
            await self.app(scope, receive, send)
            return
        wanted = scope_of(scope["path"])
        if wanted is None or self._keys is None:
            scope.setdefault("state", {})["caller"] = ANYBODY
            await self.app(scope, receive, send)
            return
        try:
            left = await self._let_in(scope, wanted, self._keys)
        except RefusalError as refusal:
            scope["route"] = next((one for one in self._routes if one.matches(scope)[0] is Match.FULL), None)
            await refused(scope["path"], refusal)(scope, receive, send)
            return
        await self.app(scope, receive, send if left is None else _telling(left, send))

    async def _let_in(self, scope: Scope, wanted: str, keys: KeyCheck) -> Left | None:
        caller = await keys.caller(dict(scope["headers"]))
        scope.setdefault("state", {})["caller"] = caller
        if wanted not in caller.scopes:
            raise missing_scope(wanted)
        if self._rates is None:
            return None
        scope["state"]["rates"] = self._rates
        return self._rates.take(caller, requests=1)


def note_rows(request: Request, rows: int, subject: str | None = None) -> None:
    """Note how many rows a request asks, and about whom, for the logs and for the rate of its key.

    Raises
    ------
    RefusalError
        429 or 413, where they are more than the key may ask.
    """
    request.state.rows, request.state.subject = rows, subject
    state: Mapping[str, Any] = request.scope["state"]
    rates, caller = state.get("rates"), state.get("caller")
    if isinstance(rates, Rates) and isinstance(caller, Caller):
        rates.take(caller, rows=rows)


def refused(path: str, refusal: RefusalError) -> JSONResponse:
    """Turn a refusal into the response that clients of a path understand."""
    return as_response(refusal, path)


def _telling(left: Left, send: Send) -> Send:
    async def send_with_rates(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *left.headers("requests")]
        await send(message)

    return send_with_rates
