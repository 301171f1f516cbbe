"""How far the check of claims agrees with people: is a response attributable to its passage?

    python scripts/claim_checks.py --data FOLDER

The folder is `begin_faithfulness` (BEGIN, Dziri et al., 2022; responses of small models of 2021, in lower case, of which
people said whether the passage says all of it; CC BY 4.0). Nothing is learned. Printed are the precision of the flag (a
number, name or quotation that the passage does not have), the share of unfaithful responses that it finds, its balanced
accuracy, and the area under the curve of each score: the share of unsupported claims, the share of words that the passage
does not have, the length. Intervals are bootstraps over passages.
"""

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from metier.text.claims import CHECKS, claims_of, unsupported_claims
from metier.text.claims.new_words import new_words

LABELS = {"attributable": 0, "not_attributable": 1}
RESAMPLES = 1_000
_words = re.compile(r"[a-z0-9']+").findall
Score = Callable[[str, str], float]


def unsupported_share(source: str, text: str) -> float:
    """Share of the claims of a text that its source does not have; 0 where it claims nothing."""
    claims = claims_of(text)
    return len(unsupported_claims(source, text)) / len(claims) if claims else 0.0


SCORES: dict[str, Score] = {
    "unsupported claims, share": unsupported_share,
    "flag (any unsupported claim)": lambda source, text: float(bool(unsupported_claims(source, text))),
    "words that the passage lacks, share": lambda source, text: new_words(source, text) or 0.0,
    "length in words": lambda source, text: float(len(_words(text.lower()))),
}


def auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """Area under the receiver's curve, ties counted half."""
    positives = int(truth.sum())
    ranks = rankdata(scores)
    pairs = positives * (len(truth) - positives)
    return float((ranks[truth == 1].sum() - positives * (positives + 1) / 2) / pairs) if pairs else float("nan")


def balanced(truth: np.ndarray, flags: np.ndarray) -> float:
    """Mean of the shares of the two classes that are told."""
    return float((flags[truth == 1].mean() + (1 - flags[truth == 0]).mean()) / 2)


def interval(
    figure: Callable[..., float], arrays: Sequence[np.ndarray], groups: np.ndarray
) -> tuple[float, float, float]:
    """A figure with its 95 % interval, passages drawn with all their rows."""
    random = np.random.default_rng(0)
    places = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    drawn = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([places[at] for at in random.integers(0, len(places), len(places))])
        drawn.append(figure(*(array[rows] for array in arrays)))
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return figure(*arrays), float(low), float(high)


def told(name: str, found: tuple[float, float, float]) -> None:
    """Print a figure in percent."""
    print(f"  {name:<44} {found[0] * 100:5.1f} [{found[1] * 100:.1f}, {found[2] * 100:.1f}]")


def judge(rows: list[dict[str, Any]], name: str) -> None:
    """Print the figures of one file."""
    kept = [row for row in rows if row["label"] in LABELS]
    truth = np.array([LABELS[row["label"]] for row in kept])
    groups = np.unique([row["context"] for row in kept], return_inverse=True)[1]
    print(
        f"{name}: {len(kept)} responses, {truth.mean():.1%} not attributable; {len(rows) - len(kept)} generic left out"
    )
    flags = np.array([bool(unsupported_claims(row["context"], row["response"])) for row in kept])
    has_claims = np.array([bool(claims_of(row["response"])) for row in kept])
    print(f"  {has_claims.mean():.1%} make a claim that can be looked up; {flags.mean():.1%} are flagged")
    if flags.any():
        told("of the flagged, not attributable", interval(_precision, (truth, flags), groups))
    told("of the not attributable, flagged", interval(_recall, (truth, flags), groups))
    told("balanced accuracy of the flag", interval(balanced, (truth, flags), groups))
    for check in CHECKS:
        of_kind = np.array(
            [bool(unsupported_claims(row["context"], row["response"], checks=(check,))) for row in kept]
        )
        if of_kind.any():
            told(
                f"flagged by a {check} ({of_kind.sum()}): right", interval(_precision, (truth, of_kind), groups)
            )
    for title, score in SCORES.items():
        values = np.array([score(row["context"], row["response"]) for row in kept])
        told(f"AUC, {title}", interval(auc, (truth, values), groups))


def _precision(truth: np.ndarray, flags: np.ndarray) -> float:
    return float(truth[flags].mean()) if flags.any() else float("nan")


def _recall(truth: np.ndarray, flags: np.ndarray) -> float:
    return float(flags[truth == 1].mean())


def main() -> None:
    """Print the figures of the test rows and of the other domain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of begin_faithfulness.")
    parser.add_argument("--files", nargs="+", default=["test.jsonl", "other_domain.jsonl"])
    given = parser.parse_args()
    for name in given.files:
        with (given.data / name).open(encoding="utf-8") as file:
            judge([json.loads(line) for line in file], name)


if __name__ == "__main__":
    main()
