"""Headers of every answer that tell a browser what it may not do with it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

COMMON = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),  # Of browsers that do not know frame-ancestors.
)
POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
NOT_KEPT = (b"cache-control", b"no-store")
# Two years, as browsers ask of those that are to be remembered.
ONLY_TLS = (b"strict-transport-security", b"max-age=63072000")
PAGE = "/docs"  # Its files are the same for everybody.


class SecurityHeaders:
    """Give every answer its headers; those that an endpoint has set itself stay.

    Parameters
    ----------
    app : ASGI application
    with_tls : bool
        Whether the service speaks TLS, so that browsers may be told never to ask without.
    """

    def __init__(self, app: ASGIApp, *, with_tls: bool = False):
        self.app = app
        self._always = [*COMMON, ONLY_TLS] if with_tls else [*COMMON]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        wanted = (POLICY,) if scope["path"].startswith(PAGE) else (POLICY, NOT_KEPT)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *self._always]
                own = {name.lower() for name, _ in headers}
                message["headers"] = [*headers, *(one for one in wanted if one[0] not in own)]
            await send(message)

        await self.app(scope, receive, send_with_headers)
