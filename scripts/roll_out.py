"""How often a roll-out errs, and how soon it sees what is worse: simulated with the program's own test.

    python scripts/roll_out.py [--streams 400] [--requests 50000]

The version that answers is right in 94 of 100 requests, and both err on different ones in 4 of 100 (shadow: both answer
each request). The new version may err up to one point more often (the bound). Looked at after every hundred requests.
For each true difference: how often it was promoted, rolled back, or still open at the end, and the requests until half
of the streams were decided. A canary of a tenth of the requests sees either answer alone.
"""

import argparse
from collections.abc import Callable

import numpy as np

from metier.registry.roll_out import Criterion, RollOut, Verdict, canary_numbers

BOUND, ERRS, DIFFER, LOOK = 0.01, 0.06, 0.04, 100
CANARY = 0.1


def shadow(random: np.random.Generator, n: int, worse: float) -> np.ndarray:
    """Give how much more each request errs under the new version: 1, 0 or -1."""
    drawn = random.random(n)
    differ = max(DIFFER, abs(worse))
    up, down = (differ + worse) / 2, (differ - worse) / 2
    return np.where(drawn < up, 1.0, np.where(drawn < up + down, -1.0, 0.0))


def canary(random: np.random.Generator, n: int, worse: float) -> np.ndarray:
    """Give the weighted errors of requests of which a tenth goes to the new version."""
    is_new = random.random(n) < CANARY
    errors = random.random(n) < np.where(is_new, ERRS + worse, ERRS)
    return canary_numbers(is_new, errors, share=CANARY)


def until_decided(numbers: np.ndarray, criterion: Criterion) -> tuple[Verdict, int]:
    """Give the verdict on a stream, and after how many requests it came."""
    roll_out = RollOut([criterion])
    for start in range(0, len(numbers), LOOK):
        verdict = roll_out.observe(criterion.name, numbers[start : start + LOOK]).decision.verdict
        if verdict is not Verdict.WAIT:
            return verdict, start + LOOK
    return Verdict.WAIT, len(numbers)


def main() -> None:
    """Simulate and print a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=400)
    parser.add_argument("--requests", type=int, default=50_000)
    asked = parser.parse_args()
    ways: dict[str, tuple[Callable[..., np.ndarray], Criterion]] = {
        "shadow": (shadow, Criterion("errors", BOUND)),
        "canary": (canary, Criterion("errors", BOUND, -1 / (1 - CANARY), 1 / CANARY)),
    }
    print(
        "| seen by | truly worse by, points | promoted % | rolled back % | open % | median requests until decided |"
    )
    print("|---|---|---|---|---|---|")
    for name, (draw, criterion) in ways.items():
        for worse in (-0.01, 0.0, BOUND, 0.02, 0.04):
            random = np.random.default_rng(0)
            found = [
                until_decided(draw(random, asked.requests, worse), criterion) for _ in range(asked.streams)
            ]
            share = {one: 100 * np.mean([verdict is one for verdict, _ in found]) for one in Verdict}
            decided = sorted(n for verdict, n in found if verdict is not Verdict.WAIT)
            half = f"{decided[len(found) // 2]:,}" if len(decided) > len(found) // 2 else "–"
            print(
                f"| {name} | {100 * worse:+.0f} | {share[Verdict.PROMOTE]:.1f} | {share[Verdict.ROLL_BACK]:.1f} | "
                f"{share[Verdict.WAIT]:.1f} | {half} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
