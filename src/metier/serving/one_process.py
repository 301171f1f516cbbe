"""A process that answers on a socket until it is asked to stop: the whole service, or one worker of several."""

import signal
import socket
from collections.abc import Callable

from metier.serving.app import build_app
from metier.serving.models import Models, Served
from metier.serving.server import Server
from metier.serving.settings import ServingSettings
from metier.serving.traffic import Stopped
from metier.serving.workers.board import WorkerBoard


def serve_on(
    listening: socket.socket,
    load: Served,
    settings: ServingSettings,
    *,
    when_ready: Callable[[Models], None],
    when_failed: Callable[[Exception], None],
    when_begun: Callable[[Callable[[], None]], None] = lambda stop: None,
    board: WorkerBoard | None = None,
    number: int = 0,
) -> Stopped:
    """Answer until SIGTERM or Ctrl-C, or until loading fails; requests in flight are finished before it returns.

    Parameters
    ----------
    listening : socket
    load : callable, mapping of str to callable, or Changing
        As `build_app` takes it; called once the service listens.
    settings : ServingSettings
    when_ready, when_failed : callable
        Called with the models once a request can be answered, or with the reason why none can.
    when_begun : callable
        Called with what stops the service from any thread.
    board : WorkerBoard or None
        Of all workers; None: this process is the whole service.
    number : int
        The place of this process on the board.
    """

    def failed(failure: Exception) -> None:
        when_failed(failure)
        server.should_exit = True

    app = build_app(load, settings, when_ready=when_ready, when_failed=failed, board=board)
    server = Server(app, settings)
    for signalled in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops gracefully, then raises the signal again for the previous handler, which is this one: being
        # asked to stop is not a failure. Before uvicorn has a handler of its own, this one stops it.
        signal.signal(signalled, lambda *_: _ask_to_stop(server))
    models = app.state.models

    def look_anew() -> None:
        models.look_now()
        if board is not None and models.is_followed:
            board.add(number, "n_reloads")
        elif board is not None:
            _ask_to_stop(server)  # The worker that follows loads what is there then.

    if models.is_followed or board is not None:
        signal.signal(signal.SIGHUP, lambda *_: look_anew())
    when_begun(lambda: _ask_to_stop(server))
    server.run(sockets=[listening])
    traffic = server.traffic
    return Stopped(traffic.n_finished, traffic.n_refused, traffic.n_dropped, app.state.models.is_busy)


def _ask_to_stop(server: Server) -> None:
    server.should_exit = True
