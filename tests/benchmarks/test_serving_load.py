"""The client of the serving benchmark: waiting behind others counts, and what fails is told."""

import asyncio
import json
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAUSE = 0.05


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.peers.serving_load as module

    return module


@contextmanager
def slow_server(status=200, chunked=False):
    """Answers one request after the other, after a pause; gives its port."""
    loop, found, turn = asyncio.new_event_loop(), [], asyncio.Lock()

    async def answer(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
                async with turn:
                    await asyncio.sleep(PAUSE)
                lines = f"HTTP/1.1 {status} Said\r\n".encode()
                if chunked:
                    half = len(body) // 2
                    pieces = b"".join(
                        b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:])
                    )
                    writer.write(lines + b"Transfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n")
                else:
                    writer.write(lines + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        found.append(server.sockets[0].getsockname()[1])
        ready.set()
        await stopped.wait()
        server.close()

    ready, stopped = threading.Event(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def test_waiting_behind_others_counts(load):
    with slow_server() as port:
        found = load.offer(port, "/", [b"{}"], rate=100, seconds=0.2)
    assert found["requests"] == 20
    assert not found["faults"]
    # Twenty came within 0.2 s, and are answered one after the other.
    assert found["p99_ms"] > 1000 * PAUSE * 10
    assert found["answered_per_second"] < 1 / PAUSE
    assert found["client_cpu_us_a_request"] > 0


@pytest.mark.parametrize("chunked", [False, True])
def test_answers_come_back_in_order(chunked, load):
    with slow_server(chunked=chunked) as port:
        bodies = [json.dumps({"n": n}).encode() for n in range(3)]
        assert load.answers_of(port, "/", bodies) == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_what_is_refused_is_no_answer(load):
    with slow_server(status=503) as port:
        found = load.offer(port, "/", [b"{}"], rate=50, seconds=0.1)
        assert found["faults"] == {"503": 5}
        assert "p50_ms" not in found
        assert load.saturate(port, "/", [b"{}"], seconds=0.2, at_once=2)["requests"] == 0


def test_a_server_that_is_gone_is_told(load):
    with slow_server() as port:
        pass
    found = load.offer(port, "/", [b"{}"], rate=50, seconds=0.1)
    assert found["faults"] == {"ConnectionRefusedError": 5}
