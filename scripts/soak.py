"""Let a service of a registry run for half an hour with callers, swaps, reloads and bad requests, and watch its memory.

    python scripts/soak.py [--minutes 30] [--callers 2]

Callers ask as in `scripts/hot_swaps.py`. Meanwhile the champion moves every five seconds, SIGHUP comes every twenty, and
one caller sends what `scripts/fuzz_service.py` does. Printed are answers lost, doubled and wrong, answers of 5xx that
nobody asked for, and the resident memory: the median of the second tenth of the time, when everything has happened often,
and that of the last. The exit status is 1 where anything of this is above 0, or memory has grown by more than 5 %.
"""

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import httpx
import psutil
from fuzz_service import Mutations, Outcome, judge
from fuzz_service import ask as ask_raw
from hot_swaps import ASKED, KINDS, SEALED, Counted, ask, served

from metier.bundles import load_bundle
from metier.registry.registry import Registry

SWAP_SECONDS, RELOAD_SECONDS, LOOK_SECONDS = 5, 20, 2
MOST_GROWTH = 0.05
TENTHS = 10


def main() -> int:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--callers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder) / "registry")
        versions = [registry.add(SEALED / kind, "support") for kind in KINDS]
        labels = {one.number: load_bundle(one.folder).predict([ASKED]).predicted[0] for one in versions}
        registry.promote("support", 1, force=True)
        with served(registry.folder) as url:
            return soak(url, registry, labels, options)


def soak(url: str, registry: Registry, labels: dict[int, str], options: argparse.Namespace) -> int:
    """Keep everybody busy until the time is over."""
    is_over, seconds = threading.Event(), 60 * options.minutes
    process = psutil.Process(process_at(int(url.rpartition(":")[2])))
    with ThreadPoolExecutor(options.callers + 1) as callers:
        asking = [callers.submit(ask, url, number, labels, is_over) for number in range(options.callers)]
        bad = callers.submit(send_bad, int(url.rpartition(":")[2]), is_over)
        try:
            memory = watched(process, registry, seconds)
        finally:
            is_over.set()
        total = Counted()
        for one in asking:
            total.add(one.result())
    with httpx.Client(base_url=url, trust_env=False) as client:
        is_ready = client.get("/readyz").status_code == 200
    return report(total, bad.result(), memory, is_ready=is_ready)


def process_at(port: int) -> int:
    """Give the number of the process that listens on a port."""
    return next(
        one.pid for one in psutil.net_connections("tcp") if one.laddr.port == port and one.status == "LISTEN"
    )


def send_bad(port: int, is_over: threading.Event) -> Outcome:
    """Send broken requests until it is over."""
    mutations, outcome = Mutations([ASKED], random.Random(0)), Outcome()  # noqa: S311  # Not for secrets.
    while not is_over.is_set():
        request = mutations.request()
        judge(request, ask_raw(port, request), outcome)
    return outcome


def watched(process: psutil.Process, registry: Registry, seconds: float) -> list[float]:
    """Swap and reload, and give the resident megabytes as they were from time to time."""
    begun, memory, number = time.monotonic(), [], 1
    next_swap, next_reload = begun + SWAP_SECONDS, begun + RELOAD_SECONDS
    while (now := time.monotonic()) - begun < seconds:
        if now >= next_swap:
            number, next_swap = 3 - number, now + SWAP_SECONDS
            registry.promote("support", number, force=True)
        if now >= next_reload:
            next_reload = now + RELOAD_SECONDS
            process.send_signal(signal.SIGHUP)
        memory.append(process.memory_info().rss / 1e6)
        print(f"\r{(now - begun) / 60:.1f} min, {memory[-1]:.0f} MB", end="\r", file=sys.stderr, flush=True)
        time.sleep(LOOK_SECONDS)
    return memory


def report(total: Counted, bad: Outcome, memory: list[float], *, is_ready: bool) -> int:
    """Print it; gives the exit status."""
    tenth = max(len(memory) // TENTHS, 1)
    before, after = median(memory[tenth : 2 * tenth] or memory), median(memory[-tenth:])
    growth = after / before - 1
    print(f"asked    {total.asked:,}, bad requests {sum(bad.statuses.values()):,}")
    print(f"lost     {total.lost}, doubled {total.doubled}, wrong {total.wrong}")
    print(
        f"5xx      {sum(n for status, n in bad.statuses.items() if status[:1] == '5')}, other faults {len(bad.faults)}"
    )
    print(
        f"memory   {before:.0f} -> {after:.0f} MB ({growth:+.1%}), most {max(memory):.0f}; ready at the end: {is_ready}"
    )
    for fault in bad.faults[:5]:
        print(f"  {fault}")
    is_clean = not (total.lost or total.doubled or total.wrong or bad.faults) and is_ready
    return 0 if is_clean and growth <= MOST_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
