"""What the guards of a service cost: microseconds of processor a request, and a flood of wrong keys beside a right one.

    python scripts/guards.py

Each guard is put around an application that answers at once, and asked in this process, so that nothing but the guard is
between the two figures. The median of several rounds is given. The flood asks with wrong keys of a known prefix for some
seconds while a known key goes on asking.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metier.serving.guards.audit_log import AuditLog
from metier.serving.guards.audit_middleware import Audit
from metier.serving.guards.headers import SecurityHeaders
from metier.serving.guards.key_check import KeyCheck
from metier.serving.guards.key_file import create_key
from metier.serving.guards.middleware import Guard
from metier.serving.guards.rates import Rates
from metier.text.personal_data import masked

ROUNDS = 7
TEXT = "my card never came"
PERSONAL = "Hello, I am Anna Bell, card 4111 1111 1111 1111, mail anna@example.com"
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
END = {"type": "http.response.body", "body": b"{}"}


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once."""
    await receive()
    await send(dict(START))
    await send(END)


async def ask(app: Any, key: str, n: int) -> float:
    """Ask so many times; gives microseconds of processor each."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"text": "my card never came"}'}

    async def send(message: Any) -> None:
        pass

    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {key}".encode())]
    begun = time.process_time()
    for _ in range(n):
        scope = {"type": "http", "method": "POST", "path": "/v1/predict", "headers": list(headers), "state": {}}
        await app(scope, receive, send)
    return 1e6 * (time.process_time() - begun) / n


async def costs(folder: Path, n: int) -> None:
    """Print what each guard adds to a request."""
    path = folder / "keys.json"
    key = create_key(path, "one", ["reader"]).key
    limited = create_key(path, "two", ["reader"], requests_per_minute=10**9).key
    check, rates = KeyCheck(path), Rates(folder / "rates")
    log = AuditLog(folder / "audit", sync="second")
    guards: dict[str, tuple[Any, str]] = {
        "key": (Guard(answer, check), key),
        "key and rate": (Guard(answer, check, rates), limited),
        "key and audit log": (Audit(Guard(answer, check), log), key),
        "security headers": (SecurityHeaders(answer), key),
        "all": (SecurityHeaders(Audit(Guard(answer, check, rates), log)), limited),
    }
    bare = await median(lambda: ask(answer, key, n))
    print(f"{'guard':<40} microseconds of processor a request")
    for name, (app, sent) in guards.items():
        await ask(app, sent, 10)  # The first request of a key takes a scrypt.
        print(f"{name:<40} {await median(lambda app=app, sent=sent: ask(app, sent, n)) - bare:8.1f}")
    log.close()
    check.stop()
    for name, text in {"masking, nothing personal": TEXT, "masking, three pieces": PERSONAL}.items():
        begun = time.process_time()
        for _ in range(n):
            masked(text)
        print(f"{name} ({len(text)} characters)".ljust(40), f"{1e6 * (time.process_time() - begun) / n:8.1f}")


async def median(measure: Callable[[], Any]) -> float:
    """Give the median of several rounds."""
    return statistics.median([await measure() for _ in range(ROUNDS)])


async def flood(folder: Path, seconds: float) -> None:
    """Print what a flood of wrong keys costs, and what a known key notices of it."""
    path = folder / "flooded.json"
    key = create_key(path, "one", ["reader"]).key
    check = KeyCheck(path)
    app, until = Guard(answer, check), time.monotonic() + seconds
    await ask(app, key, 10)
    begun, hashed, n, latencies = time.process_time(), check.n_hashed, 0, []
    while time.monotonic() < until:
        await asyncio.gather(*(ask(app, f"{key[:-6]}{n + one:06d}", 1) for one in range(50)))
        n += 50
        since = time.perf_counter()
        await ask(app, key, 1)
        latencies.append(1000 * (time.perf_counter() - since))
        await asyncio.sleep(0)
    spent = time.process_time() - begun
    n_hashed = check.n_hashed - hashed
    check.stop()
    rate = n_hashed / seconds
    print(
        f"\nflood of {n:,} wrong keys of a known prefix in {seconds:g} s: {n_hashed} scrypts ({rate:.1f} a s)"
    )
    print(
        f"a known key meanwhile: median {statistics.median(latencies):.3f} ms, slowest {max(latencies):.1f} ms"
    )
    print(f"each wrong key: {1e6 * spent / n:.1f} microseconds of processor, scrypts included")


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000, help="of each round; default 5,000")
    parser.add_argument("--seconds", type=float, default=5, help="of the flood; default 5")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(costs(Path(folder), given.requests))
        asyncio.run(flood(Path(folder), given.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
