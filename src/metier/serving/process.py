"""The server process: listen, load, answer, and stop gracefully."""

import signal
import socket
from collections.abc import Callable

import uvicorn

from metier.errors import CallError
from metier.serving.app import build_app
from metier.serving.engine import Answering, ServingSettings


def run_server(
    load: Callable[[], Answering],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    settings: ServingSettings | None = None,
    when_ready: Callable[[Answering, str], None] = lambda model, url: None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in flight are finished before it returns.

    Parameters
    ----------
    load : callable
        Gives the bundle; called once the service listens.
    host, port : str, int
        Address to listen on; port 0 takes a free one.
    settings : ServingSettings or None
        The limits.
    when_ready : callable
        Called with the loaded model and the address, once a request can be answered.

    Raises
    ------
    CallError
        If listening on the address fails.
    Exception
        Whatever `load` raised.
    """
    settings = settings or ServingSettings()
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}"
    failures: list[Exception] = []

    def failed(failure: Exception) -> None:
        failures.append(failure)
        server.should_exit = True

    app = build_app(load, settings, when_ready=lambda model: when_ready(model, url), when_failed=failed)
    config = uvicorn.Config(
        app,
        log_config=None,  # Warnings go to stderr; stdout is for our output.
        access_log=False,  # Ours has the id of the request, and no address of a caller.
        server_header=False,
        timeout_graceful_shutdown=settings.stop_timeout_seconds,
    )
    server = uvicorn.Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops gracefully, then raises the signal again for the previous handler, which is this one: being
        # asked to stop is not a failure.
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listening])
    if failures:
        raise failures[0]


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CallError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}. "
            "Choose another port with --port (0 takes a free one), or another address with --host."
        ) from None
    # Inherited by connections. asyncio sets it only on sockets with an explicit protocol. Without it the second packet
    # of an answer waits 40 ms for the delayed ACK of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
