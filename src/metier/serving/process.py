"""The server process: listen, load, answer, and stop gracefully."""

import signal
import socket
from collections.abc import Callable

from metier.errors import CallError
from metier.serving.app import build_app
from metier.serving.models import Models, Served
from metier.serving.server import Server
from metier.serving.settings import ServingSettings
from metier.serving.traffic import Stopped


def run_server(
    load: Served,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    settings: ServingSettings | None = None,
    when_ready: Callable[[Models, str], None] = lambda models, url: None,
) -> Stopped:
    """Serve until SIGTERM or Ctrl-C; requests in flight are finished before it returns, a model still loading is not.

    Parameters
    ----------
    load : callable, mapping of str to callable, or Changing
        As `build_app` takes it; called once the service listens.
    host, port : str, int
        Address to listen on; port 0 takes a free one.
    settings : ServingSettings or None
        The limits.
    when_ready : callable
        Called with the models and the address, once a request can be answered.

    Returns
    -------
    Stopped
        What became of the requests that were there then.

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
    scheme = "https" if settings.guards.with_tls else "http"
    url = f"{scheme}://{shown}:{listening.getsockname()[1]}"
    failures: list[Exception] = []

    def failed(failure: Exception) -> None:
        failures.append(failure)
        server.should_exit = True

    app = build_app(load, settings, when_ready=lambda models: when_ready(models, url), when_failed=failed)
    server = Server(app, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops gracefully, then raises the signal again for the previous handler, which is this one: being
        # asked to stop is not a failure. Before uvicorn has a handler of its own, this one stops it.
        signal.signal(number, lambda *_: _ask_to_stop(server))
    if app.state.models.is_followed:
        signal.signal(signal.SIGHUP, lambda *_: app.state.models.look_now())
    server.run(sockets=[listening])
    if failures:
        raise failures[0]
    traffic = server.traffic
    return Stopped(traffic.n_finished, traffic.n_refused, traffic.n_dropped, app.state.models.is_busy)


def _ask_to_stop(server: Server) -> None:
    server.should_exit = True


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
