"""The service: listen, load, answer, and stop gracefully, in this process or in several workers."""

import os
import socket
from collections.abc import Callable
from typing import Any

from metier.errors import CallError
from metier.serving.guards.guarding import check_files
from metier.serving.models import Models, Served
from metier.serving.one_process import serve_on
from metier.serving.settings import ServingSettings
from metier.serving.traffic import Stopped
from metier.serving.workers.memory import Memory, memory_of
from metier.serving.workers.shared_port import bind_shared, set_no_delay
from metier.serving.workers.supervisor import Supervisor
from metier.serving.workers.task import Started


def names_of(models: Models) -> list[str]:
    """Give the versioned names of the methods that answer."""
    return [model.engine.name for model in models.each]


def run_server(
    load: Served,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    settings: ServingSettings | None = None,
    when_ready: Callable[[Started, str], None] = lambda started, url: None,
    describe: Callable[[Models], Any] = names_of,
) -> Stopped:
    """Serve until SIGTERM or Ctrl-C; requests in flight are finished before it returns, a model still loading is not.

    SIGHUP has the models looked for anew: in a registry that is served, or, with several workers, in the bundle.

    Parameters
    ----------
    load : callable, mapping of str to callable, or Changing
        As `build_app` takes it; called once the service listens, in each worker.
    host, port : str, int
        Address to listen on; port 0 takes a free one.
    settings : ServingSettings or None
        The limits, and the number of workers.
    when_ready : callable
        Called with what `describe` says and the address, once every worker can answer.
    describe : callable
        Says what is needed of the loaded models, which may be in other processes.

    Returns
    -------
    Stopped
        What became of the requests that were there then.

    Raises
    ------
    CallError
        If listening on the address fails, or `load` or `describe` cannot be told to another process.
    KeyFileError, AuditLogError
        If the files of its guards cannot be used.
    Exception
        Whatever `load` raised.
    """
    settings = settings or ServingSettings()
    check_files(settings.guards)
    listening = _listen(host, port, is_shared=settings.workers > 1)
    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if settings.guards.with_tls else "http"
    url = f"{scheme}://{shown}:{listening.getsockname()[1]}"

    def started(found: Started) -> None:
        when_ready(found, url)

    with listening:
        if settings.workers > 1:
            supervisor = Supervisor(
                load, describe, listening=listening, settings=settings, when_started=started
            )
            return supervisor.run()
        return _serve_alone(
            listening, load, settings, lambda models: started(Started(describe(models), _own_memory()))
        )


def _serve_alone(
    listening: socket.socket,
    load: Served,
    settings: ServingSettings,
    when_ready: Callable[[Models], None],
) -> Stopped:
    failures: list[Exception] = []
    stopped = serve_on(listening, load, settings, when_ready=when_ready, when_failed=failures.append)
    if failures:
        raise failures[0]
    return stopped


def _own_memory() -> list[Memory]:
    found = memory_of(os.getpid())
    return [] if found is None else [found]


def _listen(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """Give a socket that listens; one that is shared is bound alone, and each worker listens on one of its own."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        if is_shared:
            listening = bind_shared(family, (host, port))
        else:
            listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CallError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}. "
            "Choose another port with --port (0 takes a free one), or another address with --host."
        ) from None
    set_no_delay(listening)
    return listening
