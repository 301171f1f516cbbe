"""Move the champion of a registry to and fro while callers ask `metier serve --registry`, and count every answer.

    python scripts/hot_swaps.py [--swaps 100] [--callers 4]

The two versions answer the question with different labels. Each caller asks one question after the other, each with an id
of its own, and notes what came: the id, the status, the version and the label. Printed are

- swaps: how often the served version changed, and the time from the promotion until the new version answers;
- asked: requests that were sent, and answers a second;
- lost: requests without an answer of 200;
- doubled: answers that were those to another request, by their id;
- wrong: answers whose label is not that of the version that they name.

The exit status is 1 where anything is lost, doubled or wrong.
"""

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx

from metier.bundles import load_bundle
from metier.registry.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
SEALED = ROOT / "tests" / "bundles" / "sealed_71959d8"
KINDS = ("linear.v1", "constant.v1")
ASKED = "my card never came"
LONGEST_SECONDS = 30.0  # Until a promoted version answers.


@dataclass
class Counted:
    """What callers saw."""

    asked: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    by_version: dict[int, int] = field(default_factory=dict)

    def add(self, other: "Counted") -> None:
        """Add what another caller saw."""
        self.asked += other.asked
        self.lost += other.lost
        self.doubled += other.doubled
        self.wrong += other.wrong
        for version, number in other.by_version.items():
            self.by_version[version] = self.by_version.get(version, 0) + number


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a registry in a process of its own; give its address once it is ready."""
    command = [sys.executable, "-m", "metier", "serve", "--registry", str(folder), "--port", "0", "--json"]
    quiet = [*command, "--access-log", "off"]
    with subprocess.Popen(  # noqa: S603  # Of our own words.
        quiet, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def ask(url: str, caller: int, labels: dict[int, str], is_over: threading.Event) -> Counted:
    """Ask until it is over; every answer is looked at."""
    seen = Counted()
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        while not is_over.is_set():
            seen.asked += 1
            sent = f"caller{caller}-{seen.asked}"
            try:
                answer = client.post("/v1/predict", json={"text": ASKED}, headers={"X-Request-ID": sent})
            except httpx.TransportError:
                seen.lost += 1
                continue
            if answer.status_code != 200:
                seen.lost += 1
                continue
            found = answer.json()
            seen.doubled += answer.headers["X-Request-ID"] != sent
            seen.wrong += labels.get(found["version"]) != found["label"]
            seen.by_version[found["version"]] = seen.by_version.get(found["version"], 0) + 1
    return seen


def swap(client: httpx.Client, registry: Registry, number: int) -> float:
    """Promote a version, and give the seconds until it answers."""
    registry.promote("support", number, force=True)
    begun = time.monotonic()
    while client.post("/v1/predict", json={"text": ASKED}).json()["version"] != number:
        if time.monotonic() - begun > LONGEST_SECONDS:
            raise SystemExit(f"version {number} does not answer after {LONGEST_SECONDS} s")
        time.sleep(0.01)
    return time.monotonic() - begun


def main() -> int:
    """Run the swaps and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--callers", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder) / "registry")
        labels = {}
        for kind in KINDS:
            version = registry.add(SEALED / kind, "support")
            labels[version.number] = load_bundle(version.folder).predict([ASKED]).predicted[0]
        registry.promote("support", 1, force=True)
        with served(registry.folder) as url:
            return report(url, registry, labels, options)


def report(url: str, registry: Registry, labels: dict[int, str], options: argparse.Namespace) -> int:
    """Swap under load and print it; gives the exit status."""
    is_over, total, begun = threading.Event(), Counted(), time.monotonic()
    with ThreadPoolExecutor(options.callers) as callers:
        asking = [callers.submit(ask, url, number, labels, is_over) for number in range(options.callers)]
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            waits = [swap(client, registry, 2 - number % 2) for number in range(options.swaps)]
            is_over.set()
            figures = client.get("/metrics").text
    seconds = time.monotonic() - begun
    for one in asking:
        total.add(one.result())
    counted = re.search(r'metier_model_swaps_total\{model="support",outcome="swapped"\} (\S+)', figures)
    swapped = int(float(counted[1])) if counted else 0
    shares = ", ".join(
        f"{number:,} from version {version}" for version, number in sorted(total.by_version.items())
    )
    print(
        f"swaps    {swapped}, until the new version answers {median(waits):.2f} s (median), {max(waits):.2f} s (longest)"
    )
    print(
        f"asked    {total.asked:,} by {options.callers} callers, {total.asked / seconds:,.0f} a second; {shares}"
    )
    print(f"lost     {total.lost}")
    print(f"doubled  {total.doubled}")
    print(f"wrong    {total.wrong}")
    return int(bool(total.lost or total.doubled or total.wrong or swapped < options.swaps))


if __name__ == "__main__":
    sys.exit(main())
