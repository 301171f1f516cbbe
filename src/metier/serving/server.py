"""The server: uvicorn with limits on each connection, and a stop that refuses what is new and finishes the rest."""

import asyncio
import functools
import socket

import uvicorn
from fastapi import FastAPI

from metier.serving.bodies import Bodies
from metier.serving.connections import Connection
from metier.serving.settings import ServingSettings
from metier.serving.traffic import Traffic

FLUSH_SECONDS = 1  # What a caller gets to read the end of its answer once the service stops.


class Server(uvicorn.Server):  # type: ignore[misc]  # uvicorn is not looked into.
    """A server of one app.

    Parameters
    ----------
    app : FastAPI
        As `build_app` gives it.
    settings : ServingSettings
        The limits.
    """

    def __init__(self, app: FastAPI, settings: ServingSettings):
        self._settings = settings
        self.traffic: Traffic = app.state.traffic
        self._bodies: Bodies = app.state.bodies
        config = uvicorn.Config(
            app,
            http=functools.partial(Connection, settings=settings),
            ws="none",
            log_config=None,  # Warnings go to stderr; stdout is for our output.
            access_log=False,  # Ours has the id of the request, and no address of a caller.
            server_header=False,
            timeout_graceful_shutdown=FLUSH_SECONDS,
            ssl_certfile=settings.guards.tls_cert,
            ssl_keyfile=settings.guards.tls_key,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new requests with 503 while those in flight are finished, then close."""
        self._bodies.stop()
        await self.traffic.drain(self._settings.stop_timeout_seconds, is_forced=lambda: self.force_exit)
        for server in self.servers:
            server.close()
        await self._close_connections()
        await super().shutdown(sockets)

    async def _close_connections(self) -> None:
        connections = list(self.server_state.connections)
        for connection in connections:
            connection.shutdown()
        deadline = asyncio.get_running_loop().time() + FLUSH_SECONDS
        while self.server_state.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
