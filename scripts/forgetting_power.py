"""How often the forgetting gate passes what it should not, and fails what it should not, by the number of rows.

    python scripts/forgetting_power.py [--draws 2000] [--labels 10]

Answers of an old and of an updated bundle are simulated: a share of the rows of each label is answered right by one of both
alone, as often lost as won; or one label loses more than is tolerated; or less than is tolerated. Everything is judged by
`metier.assurance.forgetting.judging` with its default tolerances.
"""

import argparse
from collections import Counter
from collections.abc import Iterator

import numpy as np

from metier.assurance.forgetting.judging import ALL, LABEL, ForgettingSettings, Item, judge_items
from metier.assurance.verdict import CANNOT_TELL, FAIL, PASS
from metier.evaluation.paired_shares import PairedCounts

CHANGED = 0.04  # Of the rows that one of both alone has right.
ROWS = (20, 40, 80, 160, 320, 640)
# Of the rows of one label, how many more are lost than won.
CASES = {
    "nothing falls": 0.0,
    "a label falls by 10 points": 0.1,
    "a label falls by 20 points": 0.2,
    "a label falls by 40 points": 0.4,
}


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--labels", type=int, default=10)
    given = parser.parse_args()
    print("| rows of a label | " + " | ".join(f"{case}: pass / fail / cannot tell" for case in CASES) + " |")
    print("|---" * (1 + len(CASES)) + "|")
    for rows in ROWS:
        found = (shares(rows, fall, given.labels, given.draws) for fall in CASES.values())
        print(f"| {rows} | " + " | ".join(found) + " |")


def shares(rows: int, fall: float, labels: int, draws: int) -> str:
    """Give the shares of the verdicts, in per cent."""
    rng = np.random.default_rng(rows)
    found = Counter(verdict(rows, fall, labels, rng) for _ in range(draws))
    return " / ".join(f"{100 * found[one] / draws:.1f}" for one in (PASS, FAIL, CANNOT_TELL))


def verdict(rows: int, fall: float, labels: int, rng: np.random.Generator) -> str:
    """Simulate an update, and judge it."""
    judged = judge_items(list(items(rows, fall, labels, rng)), level=0.95)
    found = {one.outcome for one in judged}
    return FAIL if FAIL in found else CANNOT_TELL if CANNOT_TELL in found else PASS


def items(rows: int, fall: float, labels: int, rng: np.random.Generator) -> Iterator[Item]:
    """Give what is judged: all rows, and each label, of which the first falls."""
    how, lost, won = ForgettingSettings(), [], []
    for label in range(labels):
        more = fall if label == 0 else 0.0
        shares_of = [CHANGED / 2 + more, CHANGED / 2, 1 - CHANGED - more]
        drawn = rng.multinomial(rows, shares_of)
        lost.append(int(drawn[0]))
        won.append(int(drawn[1]))
    yield Item(ALL, "all rows", PairedCounts(sum(lost), sum(won), rows * labels), how.all)
    for label in range(labels):
        yield Item(LABEL, str(label), PairedCounts(lost[label], won[label], rows), how.labels)


if __name__ == "__main__":
    main()
