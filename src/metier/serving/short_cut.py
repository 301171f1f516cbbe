"""The short cut to the endpoints that are asked most: past routing and what FastAPI does for parameters they do not have.

It stands innermost, so that a request has passed everything that guards the service. /docs knows these endpoints by their
routes, which are never taken.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from metier.errors import MetierError
from metier.serving.refusals import as_response, refusal_of

Answer = Callable[[Request], Awaitable[Response]]


class ShortCuts:
    """Endpoints by method and path."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[Route, Answer]] = {}

    def add(self, routes: list[BaseRoute], path: str, method: str, answer: Answer) -> None:
        """Let an endpoint that has a route already be reached directly."""
        route = next(one for one in routes if isinstance(one, Route) and one.path == path)
        self._found[method, path] = (route, answer)

    def find(self, scope: Scope) -> tuple[Route, Answer] | None:
        """Give the endpoint of a request; None: it has to be routed."""
        return self._found.get((scope["method"], scope["path"])) if scope["type"] == "http" else None


class ShortCut:
    """Answer by the endpoint of a short cut, if there is one.

    Parameters
    ----------
    app : ASGI application
    cuts : ShortCuts
    """

    def __init__(self, app: ASGIApp, cuts: ShortCuts):
        self.app, self._cuts = app, cuts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        found = self._cuts.find(scope)
        if found is None:
            await self.app(scope, receive, send)
            return
        route, answer = found
        scope["route"] = route  # By which it is counted.
        try:
            response = await answer(Request(scope, receive, send))
        except MetierError as failure:
            response = as_response(refusal_of(failure))
        await response(scope, receive, send)
