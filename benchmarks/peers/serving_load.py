"""An open-loop client: requests leave at their time, whether or not those before were answered.

A latency is counted from the time at which a request should have left, so that waiting behind others counts. The client
is a few lines over sockets, whose own cost is measured: the processor seconds of this process a request.
"""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MOST_CONNECTIONS, PATIENCE_SECONDS = 64, 15.0


@dataclass
class Loaded:
    """What came back: seconds of each answered request, and how the others ended."""

    seconds: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)

    def summary(self, *, offered: float, wall: float, client_cpu: float) -> dict[str, Any]:
        """Give the figures for JSON; milliseconds."""
        n_asked = len(self.seconds) + self.faults.total()
        found: dict[str, Any] = {
            "offered_per_second": round(offered, 1),
            "answered_per_second": round(len(self.seconds) / wall, 1),
            "requests": n_asked,
            "faults": dict(self.faults),
            "client_cpu_us_a_request": round(1e6 * client_cpu / max(1, n_asked)),
        }
        if self.seconds:
            p50, p95, p99 = np.quantile(self.seconds, [0.5, 0.95, 0.99]) * 1000
            found |= {"p50_ms": round(p50, 2), "p95_ms": round(p95, 2), "p99_ms": round(p99, 2)}
        return found


class Client:
    """Keeps connections to one port of this machine, and asks over them."""

    def __init__(self, port: int, path: str):
        self._port, self._path = port, path
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)

    async def ask(self, body: bytes) -> tuple[int, bytes]:
        """Give the status and the body of the answer."""
        async with self._room:
            reader, writer = self._free.pop() if self._free else await self._connect()
            head = f"POST {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            try:
                found = await _read_answer(reader)
            except BaseException:
                writer.close()
                raise
            self._free.append((reader, writer))
            return found

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        """Close all connections."""
        for _, writer in self._free:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status, lower = int(head[9:12]), head.lower()
    if b"transfer-encoding: chunked" in lower:
        body = b""
        while size := int((await reader.readline()).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return status, body
    length = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return status, await reader.readexactly(length)


def offer(
    port: int, path: str, bodies: Sequence[bytes], *, rate: float, seconds: float, seed: int = 0
) -> dict[str, Any]:
    """Offer requests at a rate, at random times, and give what came of them."""
    times = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds)))
    return asyncio.run(_offer(port, path, bodies, times, rate))


async def _offer(
    port: int, path: str, bodies: Sequence[bytes], times: np.ndarray, rate: float
) -> dict[str, Any]:
    client, loaded = Client(port, path), Loaded()

    async def one(body: bytes, due: float) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                status, _ = await client.ask(body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            loaded.faults[type(error).__name__] += 1
        else:
            if status == 200:
                loaded.seconds.append(time.perf_counter() - due)
            else:
                loaded.faults[str(status)] += 1

    cpu, begun, tasks = time.process_time(), time.perf_counter(), []
    for number, offset in enumerate(times):
        due = begun + offset
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(bodies[number % len(bodies)], due)))
    await asyncio.gather(*tasks)
    wall = time.perf_counter() - begun
    client.close()
    return loaded.summary(offered=rate, wall=wall, client_cpu=time.process_time() - cpu)


def saturate(
    port: int, path: str, bodies: Sequence[bytes], *, seconds: float, at_once: int = 8
) -> dict[str, Any]:
    """Ask as fast as answers come over some connections, and give how many came in a second."""
    return asyncio.run(_saturate(port, path, bodies, seconds, at_once))


async def _saturate(
    port: int, path: str, bodies: Sequence[bytes], seconds: float, at_once: int
) -> dict[str, Any]:
    client, ends, answered = Client(port, path), time.perf_counter() + seconds, 0

    async def go_on(first: int) -> None:
        nonlocal answered
        number = first
        while time.perf_counter() < ends:
            status, _ = await client.ask(bodies[number % len(bodies)])
            answered += status == 200
            number += at_once

    begun = time.perf_counter()
    await asyncio.gather(*(go_on(first) for first in range(at_once)))
    wall = time.perf_counter() - begun
    client.close()
    return {"requests": answered, "requests_per_second": round(answered / wall, 1)}


def answers_of(port: int, path: str, bodies: Sequence[bytes]) -> list[Any]:
    """Ask one after the other, and give the bodies of the answers."""

    async def ask() -> list[Any]:
        client = Client(port, path)
        found = [json.loads((await client.ask(body))[1]) for body in bodies]
        client.close()
        return found

    return asyncio.run(ask())


def pin(core: int) -> None:
    """Keep this process on a core, where the system lets it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
